/** A shop's terms for buying together: written as a draft, published, ended, and what they led to. */
import {
  draftPrices,
  draftProblems,
  draftStart,
  newDraft,
  type DraftPrice,
  type DraftProblem,
  type DraftStep,
  type DraftTerms,
} from '#domain/campaign-draft.ts'
import { groupDeadline } from '#domain/group-buy.ts'
import { findKeptAside, putAside, returnAside } from '#store/aside.ts'
import {
  closeCampaign,
  countCampaign,
  findCampaignRow,
  findCampaigns,
  findDraft,
  findFillingGroups,
  findNextStart,
  findOpenDraft,
  finishDraft,
  insertCampaign,
  lockTerms,
  makeRoom,
  saveDraft,
  saveNewDraft,
  type CampaignLine,
  type CampaignNumbers,
  type CampaignRow,
  type CampaignState,
  type DraftRow,
  type FillingGroup,
} from '#store/campaigns.ts'
import { findProduct, type ProductRow, type VariantRow } from '#store/catalog.ts'
import { inTransaction, type Client, type Db } from '#store/db.ts'
import type { GroupRow } from '#store/group-buy.ts'
import { isMember } from '#store/sellers.ts'
import type { Deps } from './deps.ts'
import { countDone } from './due.ts'
import { holdDays } from './paying.ts'

export type { CampaignLine, CampaignNumbers, CampaignRow, CampaignState, FillingGroup }

/** With the list's own buttons no more than ten. */
export const campaignsPerPage = 5
export const groupsPerPage = 6

/** Whoever asks, and about which shop. */
type OfShop = { sellerId: number; personId: number }

/** @returns undefined for a shop that is not theirs. */
export async function campaignsOf(
  db: Client,
  { sellerId, personId }: OfShop,
  page: number,
  now: Date,
): Promise<{ campaigns: CampaignLine[]; filling: number } | undefined> {
  if (!(await isMember(db, sellerId, personId))) return undefined
  const limit = campaignsPerPage
  const [campaigns, [first]] = await Promise.all([
    findCampaigns(db, sellerId, { offset: page * limit, limit }, now),
    findFillingGroups(db, { sellerId }, { offset: 0, limit: 1 }, now),
  ])
  return { campaigns, filling: first?.total ?? 0 }
}

/** @returns undefined for one that is not of a shop of theirs: ids in buttons are hostile. */
export async function campaignOf(db: Db, campaignId: number, personId: number): Promise<CampaignRow | undefined> {
  const campaign = await findCampaignRow(db, campaignId)
  return campaign && (await isMember(db, campaign.sellerId, personId)) ? campaign : undefined
}

export function campaignState({ startsAt, endsAt }: CampaignRow, now: Date): CampaignState {
  if (endsAt !== null && endsAt <= now) return 'ended'
  return startsAt > now ? 'planned' : 'running'
}

export async function campaignNumbers(
  db: Client,
  campaignId: number,
  personId: number,
): Promise<CampaignNumbers | undefined> {
  return (await campaignOf(db, campaignId, personId)) && countCampaign(db, campaignId)
}

/** No new group opens by it; those that are open live on with what they were promised, units set aside among it. */
export async function endCampaign(
  db: Client,
  campaignId: number,
  personId: number,
  now: Date,
): Promise<'ended' | 'ended-before' | 'not-found'> {
  const campaign = await campaignOf(db, campaignId, personId)
  if (!campaign) return 'not-found'
  if (!(await closeCampaign(db, campaignId, now))) return 'ended-before'
  // By itself, for a catalogue that is loaded holds campaigns before stock; the tick would do it, too.
  await inTransaction(db, async (tx) => returnAside(tx, now, campaign.productId))
  return 'ended'
}

/**
 * The tick: what campaigns whose time is over keep beyond what their open groups may take is there for everybody.
 * @returns of how many products.
 */
export async function freeAside(db: Client, now: Date): Promise<number> {
  return countDone(await findKeptAside(db, now, 500), (productId) =>
    inTransaction(db, async (tx) => (await returnAside(tx, now, productId)) > 0),
  )
}

/** Open groups of a shop, the nearest to completion first. @returns undefined for a shop that is not theirs. */
export async function fillingGroups(
  db: Client,
  { sellerId, personId }: OfShop,
  page: number,
  now: Date,
): Promise<FillingGroup[] | undefined> {
  if (!(await isMember(db, sellerId, personId))) return undefined
  return findFillingGroups(db, { sellerId }, { offset: page * groupsPerPage, limit: groupsPerPage }, now)
}

/** One of them. @returns undefined when it is not open any more, or not of a shop of theirs. */
export async function fillingGroup(
  db: Client,
  groupId: number,
  personId: number,
  now: Date,
): Promise<FillingGroup | undefined> {
  const [group] = await findFillingGroups(db, { groupId }, { offset: 0, limit: 1 }, now)
  return group && (await isMember(db, group.sellerId, personId)) ? group : undefined
}

export type DraftView = {
  draftId: number
  version: number
  /** What it became. */
  campaignId: number | null
  terms: DraftTerms
  product: ProductRow
  problems: DraftProblem[]
  /** Other terms are planned for later: these end when those begin. */
  endsAt: Date | null
  isCut: boolean
}

/** A product of a shop of theirs that can be sold. */
async function findOwnProduct(db: Db, productId: number, personId: number, now: Date): Promise<ProductRow | undefined> {
  const product = await findProduct(db, productId, now)
  if (!product || product.withdrawn || product.variants.length === 0) return undefined
  return (await isMember(db, product.sellerId, personId)) ? product : undefined
}

/** A product to write terms for, and what was begun for it. @returns undefined for what is not theirs or not on sale. */
export async function productForTerms(
  db: Client,
  productId: number,
  personId: number,
  now: Date,
): Promise<{ product: ProductRow; draftId: number | undefined } | undefined> {
  const product = await findOwnProduct(db, productId, personId, now)
  return product && { product, draftId: (await findOpenDraft(db, productId, personId))?.draftId }
}

/** Begins anew what this person writes for this product. */
export async function startDraft(
  db: Client,
  { productId, personId, kind }: { productId: number; personId: number; kind: DraftTerms['kind'] },
  now: Date,
): Promise<number | undefined> {
  if (!(await findOwnProduct(db, productId, personId, now))) return undefined
  return saveNewDraft(db, { productId, personId, terms: newDraft(kind) }, now)
}

/**
 * Terms like those of a campaign, to be changed: published, they take its place. What was begun for it is gone on with.
 */
export async function draftLike(
  db: Client,
  campaignId: number,
  personId: number,
  now: Date,
): Promise<number | undefined> {
  const campaign = await campaignOf(db, campaignId, personId)
  if (!campaign || !(await findOwnProduct(db, campaign.productId, personId, now))) return undefined
  const { kind, size, minSeats, lifetimeMinutes, maxUnits, mixesOptions, isPublic, thanks, cities } = campaign
  const left = campaign.variants.reduce((least, { asideSpare }) => Math.min(least, asideSpare), Infinity)
  const isEnded = campaignState(campaign, now) === 'ended'
  const begun = await findOpenDraft(db, campaign.productId, personId)
  if (begun && !isEnded && begun.terms.replaces === campaignId) return begun.draftId
  const terms: DraftTerms = {
    kind,
    size,
    minSeats,
    lifetimeMinutes,
    maxUnits,
    mixesOptions,
    isPublic,
    thanks,
    cities,
    // What its open groups leave over, as far as all variants have it and it is enough for a group.
    setAside: left >= minSeats && left < Infinity ? left : null,
    steps: stepsOf(campaign),
    startsAt: campaign.startsAt > now ? campaign.startsAt.toISOString() : null,
    endsAt: isEnded ? null : (campaign.endsAt?.toISOString() ?? null),
    replaces: isEnded ? null : campaignId,
  }
  return saveNewDraft(db, { productId: campaign.productId, personId, terms }, now)
}

function stepsOf({ variants }: CampaignRow): DraftStep[] {
  const [first] = variants
  return (first?.tiers ?? []).map(({ seats, price }, at) => {
    const isSame = variants.every((variant) => variant.tiers[at]?.price === price)
    const own = variants.flatMap(({ variantId, tiers }): [string, string][] => {
      const tier = tiers[at]
      return tier ? [[String(variantId), tier.price.toString()]] : []
    })
    const written: DraftPrice = isSame ? { amount: price.toString() } : { own: Object.fromEntries(own) }
    return { seats, price: written }
  })
}

/** What a person writes: theirs alone, and only while they are of that shop. */
export async function draftOf(
  db: Client,
  draftId: number,
  personId: number,
  now: Date,
): Promise<DraftView | undefined> {
  const draft = await findDraft(db, draftId)
  if (draft?.personId !== personId) return undefined
  const product = await findOwnProduct(db, draft.productId, personId, now)
  if (!product) return undefined
  return { ...view(draft, product, now), ...(await endOf(db, draft, now)) }
}

function view(draft: DraftRow, product: ProductRow, now: Date) {
  const { draftId, version, campaignId, terms } = draft
  return { draftId, version, campaignId, terms, product, problems: draftProblems(terms, product.variants, now) }
}

/** Terms end at the latest when the next ones begin that are planned: one campaign is in force at any time. */
async function endOf(db: Db, { productId, terms }: DraftRow, now: Date) {
  const own = terms.endsAt === null ? null : new Date(terms.endsAt)
  const next = await findNextStart(db, productId, draftStart(terms, now), terms.replaces)
  const isCut = next !== undefined && (own === null || next < own)
  return { endsAt: isCut ? next : own, isCut }
}

/** @param change is given the terms as they are; two people or devices at once change one after the other. */
export async function changeDraft(
  db: Client,
  draftId: number,
  personId: number,
  change: (terms: DraftTerms, product: ProductRow) => DraftTerms,
  now: Date,
): Promise<DraftView | undefined> {
  const isDone = await inTransaction(db, async (tx) => {
    const draft = await findDraft(tx, draftId, true)
    if (draft?.personId !== personId || draft.campaignId !== null) return false
    const product = await findOwnProduct(tx, draft.productId, personId, now)
    if (!product) return false
    await saveDraft(tx, draftId, change(draft.terms, product), now)
    return true
  })
  return isDone ? draftOf(db, draftId, personId, now) : undefined
}

export type PublishResult =
  | { ok: true; campaignId: number }
  | { ok: false; reason: 'not-found' | 'changed' | 'problems' | 'busy' }
  /** So many cannot be set aside: `free` units of the variant that has fewest lie in one place. */
  | { ok: false; reason: 'stock'; free: number }

/**
 * Makes a campaign of a draft, once however often it is asked for. What ran for the product before ends when it begins;
 * its open groups keep what they were promised.
 * @param version what the preview showed: terms that were changed since are looked at first.
 */
export async function publishDraft(
  db: Client,
  { draftId, personId, version }: { draftId: number; personId: number; version: number },
  now: Date,
): Promise<PublishResult> {
  return inTransaction(db, async (tx): Promise<PublishResult> => {
    const draft = await findDraft(tx, draftId, true)
    if (draft?.personId !== personId) return { ok: false, reason: 'not-found' }
    if (draft.campaignId !== null) {
      const { campaignId } = draft
      return (await campaignOf(tx, campaignId, personId))
        ? { ok: true, campaignId }
        : { ok: false, reason: 'not-found' }
    }
    if (draft.version !== version) return { ok: false, reason: 'changed' }
    const { productId, terms } = draft
    if (!(await findOwnProduct(tx, productId, personId, now))) return { ok: false, reason: 'not-found' }
    if (!(await lockTerms(tx, productId))) return { ok: false, reason: 'busy' }
    // Read again under the lock: the catalogue may have been loaded while we waited.
    const product = await findOwnProduct(tx, productId, personId, now)
    if (!product) return { ok: false, reason: 'not-found' }
    if (draftProblems(terms, product.variants, now).length > 0) return { ok: false, reason: 'problems' }
    await endReplaced(tx, draft, now)
    const startsAt = draftStart(terms, now)
    await makeRoom(tx, productId, startsAt, now)
    const { endsAt } = await endOf(tx, draft, now)
    const { kind, size, minSeats, lifetimeMinutes, maxUnits, mixesOptions, isPublic, thanks, cities } = terms
    const variants = [...draftPrices(terms, product.variants)].map(([variantId, tiers]) => ({ variantId, tiers }))
    const campaignId = await insertCampaign(tx, {
      kind,
      size,
      minSeats,
      lifetimeMinutes,
      maxUnits,
      mixesOptions,
      isPublic,
      thanks,
      cities: cities.map(({ code }) => code),
      sellerId: product.sellerId,
      productId,
      variants,
      startsAt,
      endsAt,
    })
    await finishDraft(tx, draftId, campaignId, now)
    // What the former terms had set aside and their open groups cannot take is free first: it can be taken over.
    await returnAside(tx, now, productId)
    const isAside = terms.setAside === null ? { ok: true as const } : await putAside(tx, campaignId, terms.setAside)
    return isAside.ok ? { ok: true, campaignId } : { ok: false, reason: 'stock', free: isAside.free }
  })
}

/** A campaign that has not begun never does when changed terms take its place, whenever those begin. */
async function endReplaced(tx: Db, { terms, productId }: DraftRow, now: Date): Promise<void> {
  const former = terms.replaces === null ? undefined : await findCampaignRow(tx, terms.replaces)
  if (former?.productId === productId && former.startsAt > now) await closeCampaign(tx, former.campaignId, now)
}

/** The group that would be seen just after somebody had opened it by these terms and paid. */
export function groupLike(
  { terms, product, endsAt }: DraftView,
  leader: string,
  { providers }: Pick<Deps, 'providers'>,
  now: Date,
): GroupRow | undefined {
  const prices = draftPrices(terms, product.variants)
  const variant: VariantRow | undefined = product.variants.find(({ variantId }) => prices.has(variantId))
  const tiers = variant && prices.get(variant.variantId)
  const [first] = tiers ?? []
  if (!variant || !tiers || !first) return undefined
  return {
    groupId: 0,
    token: '',
    campaignId: 0,
    leaderId: 0,
    version: 1,
    state: 'open',
    toppedUp: 0,
    inLine: 0,
    takenSeats: 1,
    paidSeats: 1,
    bestSeats: 1,
    members: [leader],
    tiers,
    price: first.price,
    size: terms.size,
    minSeats: terms.kind === 'team' ? terms.size : terms.minSeats,
    deadlineAt: groupDeadline(draftStart(terms, now), terms.lifetimeMinutes, endsAt, holdDays(providers)),
    maxUnits: terms.maxUnits,
    mixesOptions: terms.mixesOptions,
    thanks: terms.thanks,
    isPublic: terms.isPublic,
    cities: terms.cities.map(({ code }) => code),
    variantId: variant.variantId,
    productId: product.productId,
    title: product.title,
    options: variant.options,
    picture: product.isAdult ? null : (product.pictures[0] ?? null),
    isAdult: product.isAdult,
    alonePrice: variant.price,
    currency: variant.currency,
    sellerName: product.sellerName,
  }
}
