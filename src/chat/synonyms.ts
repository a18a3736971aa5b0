/** A shop's synonyms: what buyers type, and what its goods are called. */
import { ask, stopAsking } from '#shop/people.ts'
import { addSynonym, removeSynonym, synonymsMax, synonymsOf } from '#shop/synonyms.ts'
import { confused, homeButton, notFound } from './home.ts'
import { catalogueButton } from './import-page.ts'
import type { Answer } from './messenger.ts'
import { pagingRow } from './paging.ts'
import type { Button, Line } from './screen.ts'
import { shorten } from './text.ts'
import type { Outcome, Visit } from './visit.ts'

const perPage = 6

export async function synonymsPage({ deps, visitor }: Visit, sellerId: number, page: number): Promise<Outcome> {
  const found = await synonymsOf(deps.db, sellerId, visitor.personId, page)
  if (!found) return notFound()
  const { synonyms, total } = found
  const lines: Line[] = [{ key: 'synonyms.what' }, { gap: true }]
  if (total === 0) lines.push({ key: 'synonyms.none' })
  else lines.push({ key: 'synonyms.count', params: { total, most: synonymsMax } })
  for (const { word, means } of synonyms) lines.push({ key: 'synonyms.one', params: { word, means } })
  if (synonyms.length > 0) lines.push({ gap: true }, { key: 'synonyms.remove' })
  const rows = synonyms.map(({ synonymId, word, means }): Button[] => [
    { label: { raw: `✖ ${shorten(`${word} = ${means}`, 36)}` }, intent: { do: 'synonym-remove', synonymId, page } },
  ])
  const paging = pagingRow(page, (page + 1) * perPage < total, (to) => ({ do: 'synonyms', sellerId, page: to }))
  if (paging.length > 0) rows.push(paging)
  rows.push([
    { label: { key: 'button.synonym-add' }, intent: { do: 'synonym-add', sellerId } },
    catalogueButton(sellerId),
  ])
  return { screen: { lines, rows } }
}

export async function askSynonym({ deps, visitor }: Visit, sellerId: number): Promise<Outcome> {
  const found = await synonymsOf(deps.db, sellerId, visitor.personId, 0)
  if (!found) return notFound()
  await ask(deps.db, visitor.personId, visitor.sender.messenger, 'synonym', { sellerId }, deps.now())
  return { screen: { lines: [{ key: 'synonyms.ask' }], rows: [[backTo(sellerId)], [homeButton]] } }
}

const backTo = (sellerId: number): Button => ({
  label: { key: 'button.synonyms' },
  intent: { do: 'synonyms', sellerId, page: 0 },
})

export async function synonymTyped(visit: Visit, answer: Answer): Promise<Outcome> {
  const { deps, visitor } = visit
  const { sellerId } = visit.asked
  if (typeof sellerId !== 'number') return { screen: confused('confused.input') }
  const typed = answer.kind === 'text' ? answer.text : ''
  const result = await addSynonym(deps.db, { sellerId, personId: visitor.personId }, typed, deps.now())
  if (!result.ok) {
    const { reason } = result
    if (reason === 'not-found') return notFound()
    const params = { most: synonymsMax }
    return {
      screen: { lines: [{ key: `synonym-refusal.${reason}`, params }], rows: [[backTo(sellerId)], [homeButton]] },
    }
  }
  await stopAsking(deps.db, visitor.personId, visitor.sender.messenger)
  const { word, means } = result
  const rows: Button[][] = [
    [{ label: { key: 'button.synonym-add' }, intent: { do: 'synonym-add', sellerId } }],
    [backTo(sellerId)],
    [homeButton],
  ]
  return { screen: { lines: [{ key: 'synonyms.added', params: { word, means } }], rows } }
}

export async function removeSynonymNow(visit: Visit, synonymId: number, page: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const sellerId = await removeSynonym(deps.db, synonymId, visitor.personId)
  if (sellerId === undefined) return notFound()
  const { total = 0 } = (await synonymsOf(deps.db, sellerId, visitor.personId, 0)) ?? {}
  const last = Math.max(0, Math.ceil(total / perPage) - 1)
  return { ...(await synonymsPage(visit, sellerId, Math.min(page, last))), toast: 'synonyms.removed' }
}
