/** A shop's catalogue: what is on sale, sending a new one, and what became of it. */
import {
  catalogueView,
  confirmHeld,
  dropImport,
  importOf,
  importReportCsv,
  sendAddress,
  sendAgain,
  sendFile,
  waitingForFile,
  type CatalogueImport,
  type SendResult,
} from '#shop/imports.ts'
import { ask, stopAsking } from '#shop/people.ts'
import { shopsOf } from '#shop/sellers.ts'
import { confused, homeButton, notFound } from './home.ts'
import { catalogueButton, importPage, sourceOf, stateLine } from './import-page.ts'
import type { Answer } from './messenger.ts'
import type { Button, Line } from './screen.ts'
import type { Outcome, Visit } from './visit.ts'

export async function cataloguePage({ deps, visitor }: Visit, sellerId: number): Promise<Outcome> {
  const view = await catalogueView(deps.db, sellerId, visitor.personId)
  if (!view) return notFound()
  const { counts, live, ended } = view
  const lines: Line[] = [{ key: 'catalogue.title', params: { shop: view.name } }, { gap: true }]
  if (counts.products === 0) lines.push({ key: 'catalogue.empty' })
  else lines.push({ key: 'catalogue.counts', params: counts })
  if (counts.withdrawn > 0) lines.push({ key: 'catalogue.withdrawn', params: { count: counts.withdrawn } })
  if (live) lines.push({ gap: true }, stateLine(live))
  if (ended.length > 0) lines.push({ gap: true }, { key: 'catalogue.last' }, ...ended.map(endedLine))
  const rows: Button[][] = [
    live
      ? [{ label: { key: 'button.import-live' }, intent: { do: 'import', importId: live.importId } }]
      : [{ label: { key: 'button.catalogue-send' }, intent: { do: 'catalogue-send', sellerId } }],
    ended.map(({ importId, createdAt }): Button => {
      return {
        label: { key: 'button.import-report', params: { at: { at: createdAt } } },
        intent: { do: 'import', importId },
      }
    }),
    [
      { label: { key: 'button.own-categories' }, intent: { do: 'own-categories', sellerId, page: 0 } },
      { label: { key: 'button.synonyms' }, intent: { do: 'synonyms', sellerId, page: 0 } },
    ],
    [
      { label: { key: 'button.refresh' }, intent: { do: 'catalogue', sellerId } },
      { label: { key: 'button.my-shop' }, intent: { do: 'shop', sellerId } },
    ],
    [homeButton],
  ]
  return { screen: { lines, rows: rows.filter((row) => row.length > 0) } }
}

function endedLine(found: CatalogueImport): Line {
  const params = { at: { at: found.createdAt }, source: sourceOf(found) }
  const { added, changed, withdrawn } = found.report ?? { added: 0, changed: 0, withdrawn: 0 }
  return found.state === 'done'
    ? { key: 'catalogue.was-done', params: { ...params, added, changed, withdrawn } }
    : { key: found.state === 'dropped' ? 'catalogue.was-dropped' : 'catalogue.was-failed', params }
}

export async function askForCatalogue(visit: Visit, sellerId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const view = await catalogueView(deps.db, sellerId, visitor.personId)
  if (!view) return notFound()
  if (view.live) return { ...(await importPage(visit, view.live.importId)), toast: 'import-refusal.import-live' }
  await ask(deps.db, visitor.personId, visitor.sender.messenger, 'catalogue', { sellerId }, deps.now())
  return {
    screen: {
      lines: [{ key: 'catalogue.ask' }, { gap: true }, { key: 'catalogue.ask-more' }],
      rows: [[catalogueButton(sellerId)], [homeButton]],
    },
  }
}

/** A file or an address, after it was asked for. */
export async function catalogueAnswered(visit: Visit, answer: Answer): Promise<Outcome> {
  const { sellerId } = visit.asked
  if (typeof sellerId !== 'number') return { screen: confused('confused.input') }
  if (answer.kind === 'file') return afterSending(visit, sellerId, await send(visit, sellerId, answer))
  const url = answer.kind === 'text' ? answer.text.trim() : ''
  if (!/^[a-z][a-z0-9+.-]*:\/\/\S+$/i.test(url)) {
    return { screen: { lines: [{ key: 'catalogue.unclear' }], rows: [[catalogueButton(sellerId)], [homeButton]] } }
  }
  const { deps, visitor } = visit
  return afterSending(
    visit,
    sellerId,
    await sendAddress(deps.db, { sellerId, personId: visitor.personId }, url, deps.now()),
  )
}

/** A file that nobody asked for just now: the second one of a pair, or they are told where files go. */
export async function fileUnasked(visit: Visit, answer: Extract<Answer, { kind: 'file' }>): Promise<Outcome> {
  const { deps, visitor } = visit
  const waiting = await waitingForFile(deps.db, visitor.personId)
  if (waiting !== undefined) return afterSending(visit, waiting, await send(visit, waiting, answer))
  const own = await shopsOf(deps.db, visitor.personId)
  if (own.length === 0) return { screen: confused('confused.input') }
  const rows = own
    .slice(0, 8)
    .map(({ sellerId, name }): Button[] => [{ label: { raw: name }, intent: { do: 'catalogue-send', sellerId } }])
  return { screen: { lines: [{ key: 'catalogue.file-unasked' }], rows: [...rows, [homeButton]] } }
}

async function send({ deps, visitor }: Visit, sellerId: number, file: Extract<Answer, { kind: 'file' }>) {
  const { messenger } = visitor.sender
  return sendFile(deps.db, { sellerId, personId: visitor.personId }, { ...file, messenger }, deps.now())
}

async function afterSending(visit: Visit, sellerId: number, result: SendResult): Promise<Outcome> {
  const { deps, visitor } = visit
  if (result.ok) {
    await stopAsking(deps.db, visitor.personId, visitor.sender.messenger)
    return importPage(visit, result.importId)
  }
  if (result.reason === 'not-found') return notFound()
  const key =
    result.reason === 'import-live'
      ? ('import-refusal.import-live' as const)
      : (`import-failed.${result.reason}` as const)
  return { screen: { lines: [{ key }], rows: [[catalogueButton(sellerId)], [homeButton]] } }
}

export async function importFile({ deps, visitor }: Visit, importId: number): Promise<Outcome> {
  const file = await importReportCsv(deps.db, importId, visitor.personId)
  if (!file) return notFound()
  const back: Button = { label: { key: 'button.back' }, intent: { do: 'import', importId } }
  const document = { ...file, type: 'text/csv' }
  return { screen: { lines: [{ key: 'import.file' }], rows: [[back]], document }, asNew: true }
}

export async function importAgain(visit: Visit, importId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const found = await importOf(deps.db, importId, visitor.personId)
  if (!found) return notFound()
  return afterSending(visit, found.sellerId, await sendAgain(deps.db, importId, visitor.personId, deps.now()))
}

/** Asked once more first: it may have waited for hours. */
export async function drop(visit: Visit, importId: number, isSure: boolean): Promise<Outcome> {
  const { deps, visitor } = visit
  if (!isSure) {
    const found = await importOf(deps.db, importId, visitor.personId)
    if (!found) return notFound()
    const rows: Button[][] = [
      [{ label: { key: 'button.import-drop-sure' }, intent: { do: 'import-drop', importId, isSure: 1 } }],
      [{ label: { key: 'button.back' }, intent: { do: 'import', importId } }],
    ]
    return { screen: { lines: [{ key: 'import.drop-sure', params: { source: sourceOf(found) } }], rows } }
  }
  const result = await dropImport(deps.db, importId, visitor.personId, deps.now())
  if (!result.ok && result.reason === 'not-found') return notFound()
  const page = await importPage(visit, importId)
  return result.ok ? page : { ...page, toast: 'import-refusal.moved-on' }
}

export async function letThemGo(
  visit: Visit,
  { importId, leaving }: { importId: number; leaving: number },
): Promise<Outcome> {
  const { deps, visitor } = visit
  const result = await confirmHeld(deps.db, importId, visitor.personId, leaving)
  if (!result.ok && result.reason === 'not-found') return notFound()
  const page = await importPage(visit, importId)
  return result.ok ? page : { ...page, toast: 'import-refusal.moved-on' }
}
