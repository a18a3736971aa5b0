/** Reads a feed into the import's temporary tables: what each offer means is decided on the way, one after the other. */
import { roubleRates, type FeedCurrency, type RoubleRates } from '#domain/feed-prices.ts'
import {
  readOffer,
  type FeedCategory,
  type FeedItem,
  type FeedLocation,
  type FeedOffer,
  type RawOffer,
} from '#domain/feeds.ts'
import { cut } from '#domain/feed-text.ts'
import type { Transaction } from '#store/db.ts'
import * as staging from '#store/import-staging.ts'
import type { Spill } from './import-spill.ts'

/** About one offer of a feed. */
export type Remark = { line: number; offerId: string; reason: string }

/** The first few thousand in full, and how many there are: a feed may be nothing but defects. */
export type Remarks = {
  readonly list: Remark[]
  readonly count: number
  push(...remarks: Remark[]): void
  /** Of some of which only the first were looked at. */
  pushFirst(remarks: Remark[], count: number): void
}

/** What is kept of each of the lists of an import. */
export const remarksKept = 5000

function noRemarks(): Remarks {
  const list: Remark[] = []
  let count = 0
  const pushFirst = (remarks: Remark[], among: number) => {
    count += among
    for (const remark of remarks.slice(0, remarksKept - list.length)) list.push(remark)
  }
  return {
    list,
    get count() {
      return count
    },
    push: (...remarks) => pushFirst(remarks, remarks.length),
    pushFirst,
  }
}

export type FeedRead = {
  shopName: string | undefined
  categories: Map<string, FeedCategory>
  locations: FeedLocation[]
  accepted: number
  /** A feed that knows group terms rules those of feeds; one that does not leaves all campaigns alone. */
  usesTerms: boolean
  refused: Remarks
  warnings: Remarks
}

const perBatch = 300

export async function stageFeed(
  tx: Transaction,
  feed: AsyncIterable<FeedItem>,
  spill: Spill,
  options: {
    now: Date
    picture?: (value: string) => string | undefined
    onProgress?: (done: number) => void
  },
): Promise<FeedRead> {
  await staging.createStaging(tx)
  const read: FeedRead = {
    shopName: undefined,
    categories: new Map(),
    locations: [],
    accepted: 0,
    usesTerms: false,
    refused: noRemarks(),
    warnings: noRemarks(),
  }
  const currencies: FeedCurrency[] = []
  let rates: RoubleRates = new Map()
  let position = 0
  let goodsRead = 0
  let halves = 0
  const picture = options.picture ?? ((value: string) => (/^https?:\/\/[^\s/]/i.test(value) ? value : undefined))
  const offers = batches<staging.StagedOffer>(async (batch) => {
    const repeated = await staging.stageOffers(tx, batch)
    for (const { line, offerId, firstLine } of repeated) {
      read.refused.push({ line, offerId, reason: `the id repeats that of line ${firstLine}` })
    }
    read.accepted += batch.length - repeated.length
  })
  const goods = batches<{ position: number; id: string; line: number; data: string }>(async (batch) => {
    for (const { id, line, firstLine } of await staging.stageGoods(tx, batch)) {
      read.refused.push({ line, offerId: id, reason: `the id repeats that of line ${firstLine}` })
    }
  })
  const prices = batches<{ position: number; goodId: string; data: string }>(async (batch) =>
    staging.stagePrices(tx, batch),
  )
  const refuse = (line: number, offerId: string, reason: string) => {
    read.refused.push({ line, offerId, reason })
  }
  const take = async (raw: RawOffer) => {
    position += 1
    if (position % perBatch === 0) options.onProgress?.(position)
    const verdict = readOffer(raw, { rates, now: options.now })
    if (!verdict.ok) return refuse(raw.line, verdict.id, verdict.reason)
    const { warnings } = verdict
    const offer = { ...verdict.offer, pictures: verdict.offer.pictures.flatMap((value) => picture(value) ?? []) }
    for (const reason of warnings) read.warnings.push({ line: raw.line, offerId: offer.id, reason })
    if (offer.groupTerms) read.usesTerms = true
    await offers.add(freeze(offer, position, spill))
  }

  for await (const item of feed) {
    switch (item.kind) {
      case 'shop':
        read.shopName ??= item.name
        break
      case 'category':
        if (!read.categories.has(item.category.id)) read.categories.set(item.category.id, item.category)
        break
      case 'location':
        if (!read.locations.some(({ id }) => id === item.location.id)) read.locations.push(item.location)
        break
      case 'currency':
        currencies.push(item.currency)
        rates = roubleRates(currencies)
        break
      case 'problem':
        position += 1
        refuse(item.line, item.offerId, item.reason)
        break
      case 'good':
        goodsRead += 1
        if (item.id === '') refuse(item.offer.line, '', 'no id')
        else if (item.id.length > 100) refuse(item.offer.line, cut(item.id, 100), 'id longer than 100 characters')
        else {
          const { id, offer } = item
          await goods.add({ position: goodsRead, id, line: offer.line, data: JSON.stringify(offer) })
        }
        break
      case 'price':
        halves += 1
        await prices.add({ position: halves, goodId: item.goodId, data: JSON.stringify(item.offer) })
        break
      case 'offer':
        await take(item.offer)
        break
    }
  }
  await goods.end()
  await prices.end()
  for (let after = 0; after < halves; after += perBatch) {
    for (const half of await staging.readHalves(tx, after, perBatch)) {
      const price = JSON.parse(half.price) as RawOffer
      if (half.good === null) refuse(price.line, price.attributes['id'] ?? '', 'the goods have no such id')
      else await take(join(JSON.parse(half.good) as RawOffer, price))
    }
  }
  if (halves > 0) {
    const reason = 'no price: the offers have no such id'
    const { first, count } = await staging.goodsWithoutPrice(tx, remarksKept)
    read.refused.pushFirst(
      first.map(({ id, line }) => ({ line, offerId: id, reason })),
      count,
    )
  }
  await offers.end()
  await staging.settleStaging(tx)
  read.refused.list.sort((a, b) => a.line - b.line)
  options.onProgress?.(position)
  return read
}

/** What the price says comes first: it is about the variant. */
function join(good: RawOffer, price: RawOffer): RawOffer {
  return {
    line: price.line,
    attributes: { ...good.attributes, ...price.attributes },
    fields: [...price.fields, ...good.fields],
  }
}

/** Reading goes on while the database takes the last batch: one processor each. */
function batches<Item>(store: (batch: Item[]) => Promise<void>): {
  add(item: Item): Promise<void>
  end(): Promise<void>
} {
  let batch: Item[] = []
  let underWay: Promise<void> = Promise.resolve()
  const flush = async () => {
    await underWay
    underWay = store(batch)
    // Whoever waits for it next is told.
    underWay.catch(() => {})
    batch = []
  }
  return {
    async add(item) {
      batch.push(item)
      if (batch.length >= perBatch) await flush()
    },
    async end() {
      if (batch.length > 0) await flush()
      await underWay
    },
  }
}

/** Where it stands in the file is no part of what it says. JSON has no bigint, and money stays exact by rule. */
function freeze(offer: FeedOffer, position: number, spill: Spill): staging.StagedOffer {
  const { groupTerms } = offer
  // One by one: to leave some out of all costs more than to write these.
  const said = {
    id: offer.id,
    productId: offer.productId,
    title: offer.title,
    description: offer.description,
    variantTitle: offer.variantTitle,
    vendor: offer.vendor,
    vendorCode: offer.vendorCode,
    categoryId: offer.categoryId,
    pictures: offer.pictures,
    params: offer.params,
    barcode: offer.barcode,
    isAdult: offer.isAdult,
    isPerishable: offer.isPerishable,
    cities: offer.cities,
    currency: offer.currency,
    weightGrams: offer.weightGrams,
    price: String(offer.price),
    oldPrice: offer.oldPrice?.toString(),
    groupTerms: groupTerms && { ...groupTerms, price: String(groupTerms.price) },
  } satisfies Frozen
  const { at, size, hash } = spill.write(JSON.stringify(said))
  return {
    position,
    offerId: offer.id,
    productId: offer.productId,
    categoryId: offer.categoryId ?? '',
    line: offer.line,
    hasTerms: groupTerms !== undefined,
    ...freezeStock(offer.stock),
    at,
    size,
    hash,
  }
}

function freezeStock(stock: FeedOffer['stock']): Pick<staging.StagedOffer, 'onHand' | 'stock'> {
  const [first, ...others] = stock
  const isPlain = first !== undefined && first.locationId === undefined && others.length === 0
  return isPlain ? { onHand: first.onHand, stock: null } : { onHand: null, stock: JSON.stringify(stock) }
}

type Frozen = {
  [Key in keyof Omit<FeedOffer, 'line' | 'stock'>]: Key extends 'price'
    ? string
    : Key extends 'oldPrice'
      ? string | undefined
      : Key extends 'groupTerms'
        ? (Omit<NonNullable<FeedOffer['groupTerms']>, 'price'> & { price: string }) | undefined
        : FeedOffer[Key]
}

/** The offer as it was staged, without its stock, which needs no more reading. */
export function thaw({ line, at, size }: { line: number; at: bigint; size: number }, spill: Spill): FeedOffer {
  const said = JSON.parse(spill.read({ at: Number(at), size })) as Frozen
  const { groupTerms } = said
  return {
    line,
    id: said.id,
    productId: said.productId,
    title: said.title,
    variantTitle: said.variantTitle,
    description: said.description,
    vendor: said.vendor,
    vendorCode: said.vendorCode,
    categoryId: said.categoryId,
    pictures: said.pictures,
    params: said.params,
    barcode: said.barcode,
    isAdult: said.isAdult,
    isPerishable: said.isPerishable,
    cities: said.cities,
    price: BigInt(said.price),
    oldPrice: said.oldPrice === undefined ? undefined : BigInt(said.oldPrice),
    currency: said.currency,
    weightGrams: said.weightGrams,
    stock: [],
    groupTerms: groupTerms && { ...groupTerms, price: BigInt(groupTerms.price) },
  }
}
