/**
 * Terms that a shop's person is writing: in words, with what is wrong with them, a button for each, and the card that
 * buyers will see. They are kept with every change, so that nothing typed is lost.
 */
import { wordsIn } from '#domain/people.ts'
import {
  campaignOf,
  changeDraft,
  draftLike,
  draftOf,
  groupLike,
  publishDraft,
  startDraft,
  type DraftView,
} from '#shop/campaigns.ts'
import { findCities, type City } from '#shop/delivery.ts'
import { ask } from '#shop/people.ts'
import { presetsOf, tappedChange, typedChange, type Change } from './campaign-answers.ts'
import { termsLines, toldOf } from './campaign-terms.ts'
import { campaignPage, campaignsButton, stopAskingTerm } from './campaigns.ts'
import { sharedCard } from './group-card.ts'
import { confused, homeButton, notFound } from './home.ts'
import type { CampaignKind, Intent, TermName } from './intent.ts'
import type { Answer } from './messenger.ts'
import type { Button, Line } from './screen.ts'
import { shorten } from './text.ts'
import type { Outcome, Visit } from './visit.ts'

export async function newCampaign(visit: Visit, productId: number, kind: CampaignKind): Promise<Outcome> {
  const { deps, visitor } = visit
  const draftId = await startDraft(deps.db, { productId, personId: visitor.personId, kind }, deps.now())
  return draftId === undefined ? notFound() : draftPage(visit, draftId)
}

/** A draft like a campaign; the campaign itself stays as it is until the draft is published. */
export async function editCampaign(visit: Visit, campaignId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const draftId = await draftLike(deps.db, campaignId, visitor.personId, deps.now())
  if (draftId !== undefined) return draftPage(visit, draftId)
  const isTheirs = await campaignOf(deps.db, campaignId, visitor.personId)
  return isTheirs ? { toast: 'campaign.not-on-sale', alert: true } : notFound()
}

/** @param part 0: the main terms have buttons; 1: the others. */
export async function draftPage(visit: Visit, draftId: number, part = 0, because?: Line): Promise<Outcome> {
  const { deps, visitor } = visit
  const view = await draftOf(deps.db, draftId, visitor.personId, deps.now())
  if (!view) return notFound()
  return view.campaignId === null ? draftOutcome(visit, view, part, because) : campaignPage(visit, view.campaignId)
}

async function draftOutcome(visit: Visit, view: DraftView, part: number, because?: Line): Promise<Outcome> {
  await stopAskingTerm(visit)
  const { problems, product } = view
  const told = toldOf(view)
  const lines: Line[] = because ? [because, { gap: true }] : []
  lines.push(
    { key: 'draft.title', params: { title: shorten(wordsIn(product.title, visit.reader.language), 100) } },
    { gap: true },
    ...termsLines(told),
  )
  const counts = { some: told.variants.length, all: product.variants.length }
  if (counts.some > 0 && counts.some < counts.all) lines.push({ key: 'terms.some', params: counts })
  lines.push(...whenLines(visit, view), { gap: true })
  if (problems.length === 0) lines.push({ key: 'draft.ready' })
  else lines.push({ key: 'draft.problems' })
  for (const problem of problems) {
    const isTeam = problem === 'steps-many' && view.terms.kind === 'team'
    lines.push({ key: isTeam ? 'problem.steps-many-team' : `problem.${problem}` })
  }
  return { screen: { lines, rows: part === 1 ? otherButtons(view) : mainButtons(view) } }
}

function whenLines({ deps }: Visit, { terms, endsAt, isCut, product }: DraftView): Line[] {
  const starts = terms.startsAt === null ? undefined : new Date(terms.startsAt)
  const lines: Line[] = [
    starts && starts > deps.now()
      ? { key: 'draft.starts', params: { from: { at: starts } } }
      : { key: 'draft.starts-now' },
    endsAt === null
      ? { key: 'draft.no-end' }
      : { key: isCut ? 'draft.cut' : 'draft.ends', params: { until: { at: endsAt } } },
  ]
  if (product.variants.some(({ campaignId }) => campaignId !== null)) lines.push({ key: 'draft.instead' })
  lines.push({ key: 'draft.beside-feed' })
  return lines
}

function mainButtons({ draftId, terms, problems, product }: DraftView): Button[][] {
  const rows = [[askButton(draftId, 'prices'), askButton(draftId, 'size')]]
  if (terms.kind === 'ladder') rows.push([askButton(draftId, 'minimum'), askButton(draftId, 'lifetime')])
  else rows.push([askButton(draftId, 'lifetime')])
  rows.push(
    [askButton(draftId, 'start'), askButton(draftId, 'end')],
    [{ label: { key: 'button.draft-more' }, intent: { do: 'draft', draftId, part: 1 } }],
  )
  if (problems.length === 0)
    rows.push([{ label: { key: 'button.draft-preview' }, intent: { do: 'draft-preview', draftId } }])
  return [...rows, [campaignsButton(product.sellerId)]]
}

function otherButtons({ draftId, terms }: DraftView): Button[][] {
  const set = (term: TermName, value: number): Intent => ({ do: 'draft-set', draftId, term, value })
  const { kind, isPublic, mixesOptions } = terms
  return [
    [
      {
        label: { key: `button.to-${kind === 'team' ? 'ladder' : 'team'}` },
        intent: set('kind', kind === 'team' ? 1 : 0),
      },
    ],
    [
      {
        label: { key: isPublic ? 'button.to-invited' : 'button.to-public' },
        intent: set('audience', isPublic ? 0 : 1),
      },
    ],
    [
      {
        label: { key: mixesOptions ? 'button.to-same' : 'button.to-mixed' },
        intent: set('options', mixesOptions ? 0 : 1),
      },
    ],
    [askButton(draftId, 'units'), askButton(draftId, 'thanks')],
    [askButton(draftId, 'cities'), askButton(draftId, 'aside')],
    [backButton(draftId, 0)],
  ]
}

const askButton = (draftId: number, term: AskedTerm): Button => ({
  label: { key: `button.term-${term}` },
  intent: { do: 'draft-ask', draftId, term },
})

const backButton = (draftId: number, part: number): Button => ({
  label: { key: 'button.back' },
  intent: { do: 'draft', draftId, part },
})

const asked = ['prices', 'size', 'minimum', 'lifetime', 'start', 'end', 'units', 'thanks', 'cities', 'aside'] as const
type AskedTerm = (typeof asked)[number]

const partOf = (term: TermName) =>
  ['kind', 'audience', 'options', 'units', 'thanks', 'cities', 'aside'].includes(term) ? 1 : 0

/** The draft, as long as it is theirs and not published; else where they are led instead. */
async function openDraft(visit: Visit, draftId: number): Promise<DraftView | Outcome> {
  const { deps, visitor } = visit
  const view = await draftOf(deps.db, draftId, visitor.personId, deps.now())
  if (view?.campaignId === null) return view
  await stopAskingTerm(visit)
  return view?.campaignId === undefined ? notFound() : campaignPage(visit, view.campaignId)
}

/** One term: what it means, an example to type, and answers to press. */
export async function askTerm(visit: Visit, draftId: number, term: TermName): Promise<Outcome> {
  const view = await openDraft(visit, draftId)
  if (!('draftId' in view)) return view
  const name = asked.find((candidate) => candidate === term)
  return name ? askOutcome(visit, view, name) : { screen: confused('confused.button') }
}

async function askOutcome(visit: Visit, view: DraftView, term: AskedTerm, because?: Line): Promise<Outcome> {
  const { deps, visitor } = visit
  const { draftId, terms } = view
  await ask(deps.db, visitor.personId, visitor.sender.messenger, 'term', { draftId, term }, deps.now())
  const lines: Line[] = because ? [because, { gap: true }] : []
  if (term === 'prices' || term === 'size') lines.push({ key: `draft.ask-${term}-${terms.kind}` })
  else lines.push({ key: `draft.ask-${term}` })
  if (term === 'cities' || term === 'thanks') {
    const lineOf = term === 'cities' ? /^terms\.(?:cities|everywhere)$/ : /^terms\.thanks-/
    lines.push({ gap: true }, ...termsLines(toldOf(view)).filter((line) => 'key' in line && lineOf.test(line.key)))
  }
  const presets = presetsOf(term, terms).map(({ label, value }): Button => ({
    label,
    intent: { do: 'draft-set', draftId, term, value },
  }))
  const isWide = presets.some(({ label }) => 'key' in label)
  const rows = isWide ? presets.map((preset) => [preset]) : [presets]
  return { screen: { lines, rows: [...rows, [backButton(draftId, partOf(term))]] } }
}

/** An answer was pressed. A term that is made of several answers goes on being asked. */
export async function setTerm(
  visit: Visit,
  { draftId, term, value }: { draftId: number; term: TermName; value: number },
): Promise<Outcome> {
  const change = tappedChange(term, value)
  if (!change) return { screen: confused('confused.button') }
  const goesOn = term === 'cities' || (term === 'thanks' && value > 0) ? term : undefined
  return changed(visit, draftId, change, { part: partOf(term), goesOn })
}

async function changed(
  visit: Visit,
  draftId: number,
  change: Change,
  { part, goesOn }: { part: number; goesOn?: AskedTerm | undefined },
): Promise<Outcome> {
  const { deps, visitor } = visit
  const view = await changeDraft(deps.db, draftId, visitor.personId, change, deps.now())
  // Published meanwhile, or not theirs.
  if (!view) return draftPage(visit, draftId)
  return goesOn ? askOutcome(visit, view, goesOn) : draftOutcome(visit, view, part)
}

export async function termAnswered(visit: Visit, answer: Answer): Promise<Outcome> {
  const term = asked.find((candidate) => candidate === visit.asked['term'])
  const { draftId } = visit.asked
  const view = typeof draftId === 'number' ? await openDraft(visit, draftId) : undefined
  if (!term || !view) {
    await stopAskingTerm(visit)
    return { screen: confused('confused.input') }
  }
  if (!('draftId' in view)) return view
  if (term === 'cities') return cityTyped(visit, view, answer)
  const typed = answer.kind === 'text' ? answer.text : ''
  const change = typedChange(term, typed, view, visit.reader)
  if (!change) return askOutcome(visit, view, term, { key: 'draft.unclear' })
  return changed(visit, view.draftId, change, { part: partOf(term) })
}

/** A city's name or a place on the map, found by the carrier as a buyer's is. */
async function cityTyped(visit: Visit, view: DraftView, answer: Answer): Promise<Outcome> {
  const { deps, visitor } = visit
  const { draftId } = view
  const unclear = { key: 'delivery.city-unclear' } as const
  if (answer.kind !== 'text' && answer.kind !== 'location') return askOutcome(visit, view, 'cities', unclear)
  const where = answer.kind === 'text' ? { words: shorten(answer.text.trim(), 60) } : answer
  const cities = await findCities(deps.carrier, where)
  if (!cities.ok) return askOutcome(visit, view, 'cities', { key: 'refusal.carrier-silent' })
  const [first] = cities.value
  if (!first) return askOutcome(visit, view, 'cities', unclear)
  const words = 'words' in where ? where.words : ''
  const exact = cities.value.filter((city) => city.name.toLowerCase() === words.toLowerCase())
  if (cities.value.length === 1 || exact.length === 1) return addCity(visit, draftId, exact[0] ?? first)
  const data = { draftId, term: 'cities', words }
  await ask(deps.db, visitor.personId, visitor.sender.messenger, 'term', data, deps.now())
  const rows = cities.value.slice(0, 6).map(({ code, name, region }): Button[] => [
    {
      label: { raw: region && region !== name ? `${name}, ${region}` : name },
      intent: { do: 'draft-city', draftId, cityCode: code },
    },
  ])
  return { screen: { lines: [{ key: 'delivery.which-city' }], rows: [...rows, [backButton(draftId, 1)]] } }
}

/** One of several cities was pressed: found again by the words they typed, so that its name comes from the carrier. */
export async function chooseCity(visit: Visit, draftId: number, cityCode: number): Promise<Outcome> {
  const { words } = visit.asked
  const isOpen = visit.asked['draftId'] === draftId && typeof words === 'string'
  const cities = isOpen ? await findCities(visit.deps.carrier, { words }) : undefined
  if (cities && !cities.ok) return { toast: 'refusal.carrier-silent', alert: true }
  const city = cities?.value.find(({ code }) => code === cityCode)
  return city ? addCity(visit, draftId, city) : askTerm(visit, draftId, 'cities')
}

async function addCity(visit: Visit, draftId: number, { code, name }: Pick<City, 'code' | 'name'>): Promise<Outcome> {
  const add: Change = (terms) => ({
    ...terms,
    cities: [...terms.cities.filter((city) => city.code !== code), { code, name: shorten(name, 60) }],
  })
  return changed(visit, draftId, add, { part: 1, goesOn: 'cities' })
}

/** The card as buyers will see it, with what they would press; to be published with these very terms. */
export async function previewDraft(visit: Visit, draftId: number): Promise<Outcome> {
  const { deps, visitor, reader } = visit
  const view = await openDraft(visit, draftId)
  if (!('draftId' in view)) return view
  const group =
    view.problems.length === 0 ? groupLike(view, shorten(visitor.sender.firstName, 60), deps, deps.now()) : undefined
  if (!group) return draftOutcome(visit, view, 0)
  await stopAskingTerm(visit)
  const card = sharedCard(group, reader)
  const lines: Line[] = [{ key: 'draft.preview' }, { gap: true }, ...card.lines, { gap: true }]
  for (const { label } of card.rows.flat()) {
    lines.push({ key: 'draft.preview-button', params: { label: 'key' in label ? label : label.raw } })
  }
  const { version } = view
  const rows: Button[][] = [
    [{ label: { key: 'button.draft-publish' }, intent: { do: 'draft-publish', draftId, version } }],
    [backButton(draftId, 0), homeButton],
  ]
  return { screen: { ...(group.picture !== null && { picture: group.picture }), lines, rows } }
}

/** @param version what the preview showed: terms that were changed since are looked at first. */
export async function publishNow(visit: Visit, draftId: number, version: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const result = await publishDraft(deps.db, { draftId, personId: visitor.personId, version }, deps.now())
  if (result.ok) return { ...(await campaignPage(visit, result.campaignId)), toast: 'draft.published-toast' }
  switch (result.reason) {
    case 'not-found':
      return notFound()
    case 'changed':
      return draftPage(visit, draftId, 0, { key: 'draft.changed' })
    case 'problems':
      return draftPage(visit, draftId)
    case 'stock':
      return draftPage(visit, draftId, 0, { key: 'draft.stock', params: { count: result.free } })
    case 'busy':
      return { toast: 'draft.busy', alert: true }
  }
}
