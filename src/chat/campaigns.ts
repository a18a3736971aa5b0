/** A shop's campaigns: what runs, what it led to, its end, and open groups whose last seats the shop may fill. */
import { filledSeats } from '#domain/group-buy.ts'
import { wordsIn } from '#domain/people.ts'
import {
  campaignNumbers,
  campaignOf,
  campaignsOf,
  campaignsPerPage,
  campaignState,
  endCampaign,
  fillingGroup,
  fillingGroups,
  groupsPerPage,
  productForTerms,
  type CampaignNumbers,
  type CampaignRow,
  type FillingGroup,
} from '#shop/campaigns.ts'
import { topUpGroup } from '#shop/group-buy.ts'
import { stopAsking } from '#shop/people.ts'
import { shopProducts } from '#shop/sellers.ts'
import { termsLines, toldOfCampaign } from './campaign-terms.ts'
import { confused, homeButton, notFound } from './home.ts'
import { campaignKinds } from './intent.ts'
import { pagingRow } from './paging.ts'
import type { Button, Line, Param } from './screen.ts'
import { shorten } from './text.ts'
import type { Outcome, Visit } from './visit.ts'

export const campaignsButton = (sellerId: number): Button => ({
  label: { key: 'button.campaigns' },
  intent: { do: 'campaigns', sellerId, page: 0 },
})

/** They went on: what they type from now on is no term. */
export async function stopAskingTerm({ deps, visitor }: Visit): Promise<void> {
  if (visitor.step === 'term') await stopAsking(deps.db, visitor.personId, visitor.sender.messenger)
}

export async function campaignList(visit: Visit, sellerId: number, page: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const found = await campaignsOf(deps.db, { sellerId, personId: visitor.personId }, page, deps.now())
  if (!found) return notFound()
  await stopAskingTerm(visit)
  const { campaigns, filling } = found
  if (page > 0 && campaigns.length === 0) return { screen: confused('confused.button') }
  const total = campaigns[0]?.total ?? 0
  const rows = campaigns.map(({ campaignId, title, state }): Button[] => [
    {
      label: { key: `campaigns.${state}`, params: { title: { words: title } } },
      intent: { do: 'campaign', campaignId },
    },
  ])
  const make: Button[] = [
    { label: { key: 'button.new-campaign' }, intent: { do: 'campaign-products', sellerId, page: 0 } },
  ]
  if (filling > 0) {
    const label = { key: 'button.filling', params: { total: filling } } as const
    make.push({ label, intent: { do: 'filling', sellerId, page: 0 } })
  }
  const paging = pagingRow(
    page,
    (page + 1) * campaignsPerPage < total,
    (to) => ({ do: 'campaigns', sellerId, page: to }),
    { label: { key: 'button.my-shop' }, intent: { do: 'shop', sellerId } },
  )
  const lines: Line[] = [{ key: 'campaigns.title' }, { key: total > 0 ? 'campaigns.which' : 'campaigns.none' }]
  return { screen: { picture: 'brand/seller', lines, rows: [...rows, make, paging] } }
}

/** Terms in words, numbers, and what can be done. */
export async function campaignPage(visit: Visit, campaignId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const campaign = await campaignOf(deps.db, campaignId, visitor.personId)
  const numbers = await campaignNumbers(deps.db, campaignId, visitor.personId)
  if (!campaign || !numbers) return notFound()
  await stopAskingTerm(visit)
  const state = campaignState(campaign, deps.now())
  const fromFeed: Line[] = campaign.source === 'feed' && state !== 'ended' ? [{ key: 'campaign.from-feed' }] : []
  const lines: Line[] = [
    { key: 'campaign.title', params: { title: shorten(titleIn(visit, campaign), 100) } },
    whenLine(campaign, state),
    ...fromFeed,
    { gap: true },
    ...termsLines(toldOfCampaign(campaign)),
    { gap: true },
    ...numberLines(numbers),
  ]
  const rows: Button[][] = [
    [
      { label: { key: 'button.campaign-by' }, intent: { do: 'campaign-by', campaignId } },
      { label: { key: 'button.refresh' }, intent: { do: 'campaign', campaignId } },
    ],
  ]
  const edit: Button = {
    label: { key: state === 'ended' ? 'button.campaign-again' : 'button.campaign-edit' },
    intent: { do: 'campaign-edit', campaignId },
  }
  rows.push(
    state === 'ended'
      ? [edit]
      : [edit, { label: { key: 'button.campaign-end' }, intent: { do: 'campaign-end', campaignId, isSure: 0 } }],
    [campaignsButton(campaign.sellerId), homeButton],
  )
  return { screen: { lines, rows } }
}

function titleIn({ reader }: Visit, { title }: Pick<CampaignRow, 'title'>): string {
  return wordsIn(title, reader.language)
}

function whenLine({ startsAt, endsAt }: CampaignRow, state: 'running' | 'planned' | 'ended'): Line {
  const from: Param = { at: startsAt }
  if (endsAt === null) return { key: `campaign.is-${state === 'planned' ? 'planned' : 'running'}`, params: { from } }
  const until: Param = { at: endsAt }
  return state === 'ended'
    ? { key: 'campaign.is-ended', params: { until } }
    : { key: `campaign.is-${state}-until`, params: { from, until } }
}

/** Two digits after the point. */
const rate = (part: number, whole: number): number => Math.round((part * 100) / whole) / 100

/** Only what has happened: no rate of nothing. */
function numberLines(numbers: CampaignNumbers): Line[] {
  const { seen, opened, joined, formed, failed, members, inviters, invited, byCard, byInvitation } = numbers
  const lines: Line[] = [
    { key: 'campaign.seen', params: { seen, opened, joined } },
    { key: 'campaign.outcome', params: { formed, failed } },
  ]
  const open = opened - formed - failed
  if (open > 0) lines.push({ key: 'campaign.still-open', params: { count: open } })
  if (members > 0) lines.push({ key: 'campaign.invitations', params: { average: rate(invited, members) } })
  if (joined > 0) lines.push({ key: 'campaign.by-card', params: { share: Math.round((byCard * 100) / joined) } })
  if (inviters > 0) lines.push({ key: 'campaign.viral', params: { viral: rate(byInvitation, inviters) } })
  return lines
}

/** What each post and each leader brought. */
export async function campaignBy(visit: Visit, campaignId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const numbers = await campaignNumbers(deps.db, campaignId, visitor.personId)
  if (!numbers) return notFound()
  const lines: Line[] = [{ key: 'campaign.by-posts' }]
  if (numbers.topPosts.length === 0) lines.push({ key: 'campaign.by-none' })
  for (const { at, channel, opened, joined } of numbers.topPosts) {
    lines.push({ key: 'campaign.by-post', params: { at: { at }, channel: shorten(channel, 60), opened, joined } })
  }
  lines.push({ gap: true }, { key: 'campaign.by-leaders' })
  if (numbers.topLeaders.length === 0) lines.push({ key: 'campaign.by-none' })
  for (const { name, joined } of numbers.topLeaders) {
    lines.push({ key: 'campaign.by-leader', params: { name: shorten(name, 60), joined } })
  }
  return { screen: { lines, rows: [[backTo(campaignId)]] } }
}

const backTo = (campaignId: number): Button => ({
  label: { key: 'button.back' },
  intent: { do: 'campaign', campaignId },
})

/** Asked once: what is open lives on, and nothing new begins. */
export async function endCampaignAsked(visit: Visit, campaignId: number, isSure: boolean): Promise<Outcome> {
  const { deps, visitor } = visit
  if (!isSure) {
    const campaign = await campaignOf(deps.db, campaignId, visitor.personId)
    if (!campaign) return notFound()
    const title = shorten(titleIn(visit, campaign), 100)
    const yes: Button = {
      label: { key: 'button.campaign-end-sure' },
      intent: { do: 'campaign-end', campaignId, isSure: 1 },
    }
    return { screen: { lines: [{ key: 'campaign.end-sure', params: { title } }], rows: [[yes], [backTo(campaignId)]] } }
  }
  const result = await endCampaign(deps.db, campaignId, visitor.personId, deps.now())
  if (result === 'not-found') return notFound()
  return { ...(await campaignPage(visit, campaignId)), toast: `campaign.${result}-toast` }
}

/** What a new campaign may be for. */
export async function campaignProducts(visit: Visit, sellerId: number, page: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const found = await shopProducts(deps.db, sellerId, visitor.personId, page, deps.now())
  if (!found) return notFound()
  if (found.products.length === 0) {
    if (page > 0) return { screen: confused('confused.button') }
    return { screen: { lines: [{ key: 'campaigns.no-products' }], rows: [[campaignsButton(sellerId), homeButton]] } }
  }
  const rows = found.products.map(({ productId, title }): Button[] => [
    { label: { raw: { words: title } }, intent: { do: 'campaign-kinds', productId } },
  ])
  const paging = pagingRow(
    page,
    (page + 1) * 6 < found.total,
    (to) => ({ do: 'campaign-products', sellerId, page: to }),
    campaignsButton(sellerId),
  )
  const place = { from: page * 6 + 1, to: page * 6 + found.products.length, total: found.total }
  const lines: Line[] = [{ key: 'campaigns.which-product', params: place }]
  return { screen: { picture: 'brand/seller', lines, rows: [...rows, paging] } }
}

/** A team or a ladder? What was begun before can be gone on with. */
export async function campaignKindsPage({ deps, visitor }: Visit, productId: number): Promise<Outcome> {
  const found = await productForTerms(deps.db, productId, visitor.personId, deps.now())
  if (!found) return notFound()
  const { product, draftId } = found
  const rows = campaignKinds.map((kind): Button[] => [
    { label: { key: `button.kind-${kind}` }, intent: { do: 'campaign-new', productId, kind } },
  ])
  const lines: Line[] = [{ raw: { words: product.title }, style: 'bold' }, { gap: true }, { key: 'terms.ask-kind' }]
  if (draftId !== undefined) {
    rows.unshift([{ label: { key: 'button.draft-go-on' }, intent: { do: 'draft', draftId, part: 0 } }])
    lines.push({ gap: true }, { key: 'draft.begun' })
  }
  const { sellerId } = product
  const back: Button = { label: { key: 'button.back' }, intent: { do: 'campaign-products', sellerId, page: 0 } }
  return { screen: { lines, rows: [...rows, [back]] } }
}

/** Open groups, the nearest to completion first, each with a button for the seats that are missing. */
export async function fillingList(visit: Visit, sellerId: number, page: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const groups = await fillingGroups(deps.db, { sellerId, personId: visitor.personId }, page, deps.now())
  if (!groups) return notFound()
  if (page > 0 && groups.length === 0) return { screen: confused('confused.button') }
  const lines: Line[] = [{ key: groups.length > 0 ? 'filling.title' : 'filling.none' }]
  const rows: Button[][] = []
  for (const group of groups) {
    lines.push({ gap: true }, ...groupLinesFor(visit, group))
    const seats = missing(group)
    if (seats < 1) continue
    const { groupId, toppedUp: before, leader } = group
    const label = { key: 'button.fill', params: { count: seats, leader: shorten(leader, 16) } } as const
    rows.push([{ label, intent: { do: 'fill', groupId, seats, before, isSure: 0 } }])
  }
  const paging = pagingRow(
    page,
    (page + 1) * groupsPerPage < (groups[0]?.total ?? 0),
    (to) => ({ do: 'filling', sellerId, page: to }),
    campaignsButton(sellerId),
  )
  return { screen: { lines, rows: [...rows, paging] } }
}

/** Seats that the shop can fill towards the goal: what is being paid for just now is not free. */
function missing(group: FillingGroup): number {
  const { size, minSeats, takenSeats, toppedUp } = group
  return Math.max(0, Math.min(minSeats - filledSeats(group), size - takenSeats - toppedUp))
}

function groupLinesFor(visit: Visit, group: FillingGroup): Line[] {
  const { size, minSeats, deadlineAt, leader } = group
  const count = Math.max(0, minSeats - filledSeats(group))
  const facts = { leader: shorten(leader, 40), paid: filledSeats(group), size, until: { at: deadlineAt } }
  return [
    { raw: shorten(titleIn(visit, group), 80), style: 'bold' },
    count > 0 ? { key: 'filling.group', params: { ...facts, count } } : { key: 'filling.enough', params: facts },
  ]
}

/** @param before how many the shop had filled when the button was shown: pressed twice it fills once. */
export async function fillSeats(
  visit: Visit,
  { groupId, seats, before, isSure }: { groupId: number; seats: number; before: number; isSure: number },
): Promise<Outcome> {
  const { deps, visitor } = visit
  const { personId } = visitor
  const group = await fillingGroup(deps.db, groupId, personId, deps.now())
  if (isSure !== 1) {
    if (!group) return notFound()
    const { sellerId } = group
    const lines: Line[] = [
      ...groupLinesFor(visit, group),
      { gap: true },
      { key: 'filling.sure', params: { count: seats } },
      { key: 'filling.openly' },
    ]
    const yes = (count: number): Button[] => [
      {
        label: { key: 'button.fill-sure', params: { count } },
        intent: { do: 'fill', groupId, seats: count, before, isSure: 1 },
      },
    ]
    const back: Button = { label: { key: 'button.back' }, intent: { do: 'filling', sellerId, page: 0 } }
    return { screen: { lines, rows: [yes(seats), ...(seats > 1 ? [yes(1)] : []), [back]] } }
  }
  const result = await topUpGroup(deps.db, { personId, groupId, seats, before }, deps.now())
  if (!result.ok && result.reason === 'not-yours') return notFound()
  if (!group) return { toast: 'filling.no-room', alert: true }
  const list = await fillingList(visit, group.sellerId, 0)
  if (!result.ok) return { ...list, toast: 'filling.no-room', alert: true }
  return { ...list, toast: result.formed ? 'filling.formed-toast' : 'filling.filled-toast' }
}
