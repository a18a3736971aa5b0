/**
 * A seller's feed becomes their catalogue: all of it or, when the file turns out broken, nothing.
 * Long because it is one operation in one transaction, read downwards: cutting it in two would only hide the order of
 * its steps.
 */
import {
  foldProduct,
  readOffer,
  type FeedCategory,
  type FeedItem,
  type FeedLocation,
  type FeedOffer,
  type FeedProduct,
  type Texts,
} from '#domain/feeds.ts'
import { toSearchWords } from '#domain/search.ts'
import { demoFeeds, readYmlFile } from '#gateways/feeds.ts'
import * as store from '#store/catalog-import.ts'
import { inTransaction, type Client, type Transaction } from '#store/db.ts'

export type ImportReport = {
  seller: { slug: string; name: string; invitation: string }
  /** Offers of the feed, so that `added + changed + unchanged + refused.length` is all of them. */
  added: number
  changed: number
  unchanged: number
  /** Variants that left the feed. */
  withdrawn: number
  refused: Remark[]
  /** Offers that were taken without a part of theirs. */
  warnings: Remark[]
}
export type Remark = { line: number; offerId: string; reason: string }

export type ImportOptions = {
  seller: { slug: string; name?: string }
  now: Date
  /** What to store for a picture of the feed; undefined leaves it out. By default http(s) addresses only. */
  picture?: (value: string) => string | undefined
  /** An unguessable invitation, should the seller be new. */
  newToken: () => string
  /** Offers read so far, then offers stored out of the total. */
  onProgress?: (done: number, total?: number) => void
}

const offersPerBatch = 500
const productsPerBatch = 500
const otherCategory: FeedCategory = {
  id: 'other',
  parentId: undefined,
  title: { ru: 'Прочее', en: 'Other', zh: '其他' },
}
/** Where parcels leave from when the feed has no locations: Moscow, code 44 at CDEK. */
const ownLocation: FeedLocation = {
  id: 'main',
  kind: 'seller',
  title: { ru: 'Склад продавца', en: "Seller's warehouse", zh: '卖家仓库' },
  cityCode: 44,
  cityName: 'Москва',
}

/**
 * Imports a whole feed in one transaction. Importing the same feed again writes nothing; two imports for one seller run
 * one after the other. A feed without a single acceptable offer changes nothing and withdraws nothing.
 * The feed is read inside the transaction, so it should be a file rather than a slow connection: PostgreSQL ends a
 * transaction that does nothing for a minute.
 * @throws what the feed throws (FeedError); nothing is stored then.
 */
export async function importFeed(
  db: Client,
  feed: AsyncIterable<FeedItem>,
  options: ImportOptions,
): Promise<ImportReport> {
  return inTransaction(db, async (tx) => importInto(tx, feed, options))
}

/** The demo's sellers, with pictures that the project draws. Once imported, again costs a read. */
export async function importDemo(
  db: Client,
  options: Pick<ImportOptions, 'now' | 'newToken' | 'onProgress'>,
): Promise<ImportReport[]> {
  const reports: ImportReport[] = []
  for (const { slug, path } of demoFeeds()) {
    reports.push(await importFeed(db, readYmlFile(path), { ...options, seller: { slug }, picture: demoPicture }))
  }
  return reports
}

/** `pictures/kettle.svg` → `demo/kettle`, the name under which the pictures of the project are shown. */
export function demoPicture(value: string): string | undefined {
  const name = /^pictures\/([a-z0-9-]+)\.svg$/.exec(value)?.[1]
  return name === undefined ? undefined : `demo/${name}`
}

async function importInto(
  tx: Transaction,
  feed: AsyncIterable<FeedItem>,
  options: ImportOptions,
): Promise<ImportReport> {
  await store.lockSellerImport(tx, options.seller.slug)
  const read = await stageFeed(tx, feed, options)
  const seller = await store.upsertSeller(tx, {
    slug: options.seller.slug,
    name: options.seller.name ?? read.shopName,
    invitation: options.newToken(),
    now: options.now,
  })
  const report: ImportReport = {
    seller: { slug: options.seller.slug, name: seller.name, invitation: seller.invitation },
    added: 0,
    changed: 0,
    unchanged: 0,
    withdrawn: 0,
    refused: read.refused,
    warnings: read.warnings,
  }
  if (read.accepted === 0) return report

  const products = await store.numberStagedProducts(tx)
  const categoryOf = await storeCategories(tx, read.categories)
  const locations = read.locations.length === 0 ? [ownLocation] : read.locations
  const locationIds = await store.upsertLocations(
    tx,
    seller.id,
    locations.map((location) => ({
      ...location,
      title: Object.keys(location.title).length === 0 ? { ru: location.cityName } : location.title,
    })),
  )
  const target: Target = { sellerId: seller.id, categoryOf, locations, locationIds, usesTerms: read.usesTerms }
  let done = 0
  for (let after = 0; after < products; after += productsPerBatch) {
    const staged = await store.readStaged(tx, after, productsPerBatch)
    await storeProducts(tx, target, staged.map(thaw), report.warnings, options)
    done += staged.length
    options.onProgress?.(done, read.accepted)
  }
  report.withdrawn = await store.withdrawUnseen(tx, seller.id, read.usesTerms, options.now)
  await store.mergeStock(tx)
  return { ...report, ...(await store.countSeen(tx)) }
}

type FeedRead = {
  shopName: string | undefined
  categories: Map<string, FeedCategory>
  locations: FeedLocation[]
  accepted: number
  /** A feed that knows group terms rules those of feeds; one that does not leaves all campaigns alone. */
  usesTerms: boolean
  refused: Remark[]
  warnings: Remark[]
}

async function stageFeed(tx: Transaction, feed: AsyncIterable<FeedItem>, options: ImportOptions): Promise<FeedRead> {
  await store.createStaging(tx)
  const read: FeedRead = {
    shopName: undefined,
    categories: new Map(),
    locations: [],
    accepted: 0,
    usesTerms: false,
    refused: [],
    warnings: [],
  }
  let batch: store.StagedOffer[] = []
  let position = 0
  const flush = async () => {
    const repeated = await store.stageOffers(tx, batch)
    for (const { line, offerId, firstLine } of repeated) {
      read.refused.push({ line, offerId, reason: `the id repeats that of line ${firstLine}` })
    }
    read.accepted += batch.length - repeated.length
    batch = []
    options.onProgress?.(position)
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
      case 'problem':
        position += 1
        read.refused.push({ line: item.line, offerId: item.offerId, reason: item.reason })
        break
      case 'offer': {
        position += 1
        const line = item.offer.line
        const verdict = readOffer(item.offer)
        if (!verdict.ok) {
          read.refused.push({ line, offerId: verdict.id, reason: verdict.reason })
          break
        }
        const { offer, warnings } = verdict
        for (const reason of warnings) read.warnings.push({ line, offerId: offer.id, reason })
        if (offer.groupTerms) read.usesTerms = true
        batch.push({ position, offerId: offer.id, productId: offer.productId, line, data: freeze(offer) })
        if (batch.length >= offersPerBatch) await flush()
        break
      }
    }
  }
  if (batch.length > 0) await flush()
  read.refused.sort((a, b) => a.line - b.line)
  return read
}

/** JSON has no bigint. The sums are far below 2^53, but money stays exact by rule, not by luck. */
function freeze(offer: FeedOffer): store.Json {
  const { price, oldPrice, groupTerms, ...rest } = offer
  return {
    ...rest,
    price: String(price),
    oldPrice: oldPrice?.toString(),
    groupTerms: groupTerms && { ...groupTerms, price: String(groupTerms.price) },
  }
}

function thaw(staged: { data: store.Json }): FeedOffer {
  type Frozen = Omit<FeedOffer, 'price' | 'oldPrice' | 'groupTerms'> & {
    price: string
    oldPrice?: string
    groupTerms?: Omit<NonNullable<FeedOffer['groupTerms']>, 'price'> & { price: string }
  }
  const { price, oldPrice, groupTerms, ...rest } = staged.data as unknown as Frozen
  return {
    ...rest,
    price: BigInt(price),
    oldPrice: oldPrice === undefined ? undefined : BigInt(oldPrice),
    groupTerms: groupTerms && { ...groupTerms, price: BigInt(groupTerms.price) },
  }
}

type CategoryOf = (feedId: string | undefined) => { id: number; titles: Texts[]; isKnown: boolean }

/**
 * Stores the categories that offers use, with their ancestors. The tree is shared: a category with a readable id keeps
 * it as its slug, any other is found again by the titles on its path, so that two shops' "Shoes" are one.
 */
async function storeCategories(tx: Transaction, categories: Map<string, FeedCategory>): Promise<CategoryOf> {
  const pathOf = (id: string): FeedCategory[] => {
    const path: FeedCategory[] = []
    for (let at = categories.get(id); at && !path.includes(at) && path.length < 10; at = parentOf(at)) path.unshift(at)
    return path
  }
  const parentOf = (category: FeedCategory) => categories.get(category.parentId ?? '')
  const pathByFeedId = new Map<string | null, FeedCategory[]>()
  for (const id of await store.stagedCategoryIds(tx)) {
    const path = pathOf(id ?? '')
    pathByFeedId.set(id, path.length === 0 ? [otherCategory] : path)
  }
  const levels: Map<string, { slug: string; parentSlug: string | undefined; title: Texts; position: number }>[] = []
  const order = new Map([...categories.keys()].map((id, at) => [id, at]))
  for (const path of pathByFeedId.values()) {
    for (const [depth, category] of path.entries()) {
      const slug = slugOf(path.slice(0, depth + 1))
      const parentSlug = depth === 0 ? undefined : slugOf(path.slice(0, depth))
      const level = (levels[depth] ??= new Map())
      const position = order.get(category.id) ?? categories.size
      if (!level.has(slug)) level.set(slug, { slug, parentSlug, title: category.title, position })
    }
  }
  const ids = await store.upsertCategories(
    tx,
    levels.map((level) => [...level.values()]),
  )
  return (feedId) => {
    const path = pathByFeedId.get(feedId ?? null) ?? [otherCategory]
    const id = ids.get(slugOf(path))
    if (id === undefined) throw new Error(`category ${slugOf(path)} was not stored`)
    return { id, titles: path.map(({ title }) => title), isKnown: path[0] !== otherCategory }
  }
}

function slugOf(path: FeedCategory[]): string {
  const last = path.at(-1)
  if (last && /^[a-z][a-z0-9-]{1,60}$/.test(last.id)) return last.id
  const part = ({ title, id }: FeedCategory) =>
    (title.ru ?? title.en ?? title.zh ?? id)
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, '-')
      .replace(/^-|-$/g, '')
      .slice(0, 60) || id
  return path.map(part).join('/').slice(-200)
}

type Target = {
  sellerId: number
  categoryOf: CategoryOf
  locations: FeedLocation[]
  locationIds: Map<string, number>
  usesTerms: boolean
}

async function storeProducts(
  tx: Transaction,
  target: Target,
  offers: FeedOffer[],
  warnings: Remark[],
  options: ImportOptions,
): Promise<void> {
  const products: FeedProduct[] = []
  for (const siblings of byProduct(offers)) {
    const folded = foldProduct(siblings)
    products.push(folded.product)
    warnings.push(...folded.warnings)
    for (const offer of siblings) {
      if (!target.categoryOf(offer.categoryId).isKnown) {
        warnings.push({ line: offer.line, offerId: offer.id, reason: 'unknown category: filed under "Other"' })
      }
    }
  }
  const picture = options.picture ?? ((value: string) => (/^https?:\/\/[^\s/]/i.test(value) ? value : undefined))
  const merged = await store.mergeProducts(
    tx,
    target.sellerId,
    products.map((product) => ({
      externalId: product.id,
      categoryId: target.categoryOf(product.categoryId).id,
      title: product.title,
      description: product.description,
      vendor: product.vendor,
      pictures: product.pictures.map(picture).filter((name) => name !== undefined),
      words: searchWords(product, target.categoryOf(product.categoryId).titles),
    })),
    options.now,
  )
  const productIds = new Map(merged.map((row) => [row.externalId, row]))
  const rows = products.flatMap((product) => {
    const row = productIds.get(product.id)
    return row ? [{ product, row }] : []
  })
  const stored = await store.mergeVariants(
    tx,
    rows.flatMap(({ product, row }) =>
      product.variants.map((variant, position) => ({
        productId: row.id,
        isProductChanged: row.isChanged,
        externalId: variant.id,
        options: variant.options as store.Json,
        barcode: variant.barcode,
        price: String(variant.price),
        oldPrice: variant.oldPrice?.toString(),
        currency: variant.currency,
        weightGrams: variant.weightGrams,
        position,
      })),
    ),
  )
  // Offer ids are unique in a feed, so within this batch they name one variant each.
  const variantIds = new Map(stored.map((row) => [row.externalId, row.id]))
  if (target.usesTerms) {
    const terms = rows.flatMap(({ product, row }) => {
      const prices = product.variants.flatMap(({ id, groupTerms }) => {
        const variantId = variantIds.get(id)
        return groupTerms && variantId !== undefined ? [{ variantId, price: String(groupTerms.price) }] : []
      })
      return product.terms ? [{ productId: row.id, ...product.terms, prices }] : []
    })
    const ids = rows.map(({ row }) => row.id)
    const leftOut = await store.mergeCampaigns(tx, target.sellerId, ids, terms, options.now)
    for (const { product, row } of rows) {
      const offer = leftOut.has(row.id) ? product.variants.find(({ groupTerms }) => groupTerms) : undefined
      if (!offer) continue
      const reason = "group terms left out: the shop's own terms are in force"
      warnings.push({ line: offer.line, offerId: offer.id, reason })
    }
  }
  await store.stageStock(
    tx,
    products.flatMap(({ variants }) => variants.flatMap((variant) => stockOf(variant, variantIds, target, warnings))),
  )
}

function byProduct(offers: FeedOffer[]): [FeedOffer, ...FeedOffer[]][] {
  const groups = new Map<string, [FeedOffer, ...FeedOffer[]]>()
  for (const offer of offers) {
    const group = groups.get(offer.productId)
    if (group) group.push(offer)
    else groups.set(offer.productId, [offer])
  }
  return [...groups.values()]
}

function stockOf(variant: FeedOffer, variantIds: Map<string, number>, target: Target, warnings: Remark[]) {
  const variantId = variantIds.get(variant.id)
  return variant.stock.flatMap(({ locationId, onHand }) => {
    const id = target.locations.find((location) => location.id === (locationId ?? target.locations[0]?.id))?.id
    const known = target.locationIds.get(id ?? '')
    if (variantId !== undefined && known !== undefined) return [{ variantId, locationId: known, onHand }]
    const reason = `stock left out: the feed has no location "${locationId ?? ''}"`
    warnings.push({ line: variant.line, offerId: variant.id, reason })
    return []
  })
}

/** The title in every language on the first line, where search weighs it most; all the rest on the second. */
function searchWords(product: FeedProduct, categoryTitles: Texts[]): string {
  const titles = product.variants.flatMap(({ title }) => Object.values(title))
  const rest = [
    product.vendor ?? '',
    ...categoryTitles.flatMap((title) => Object.values(title)),
    ...product.variants.flatMap(({ params }) => params.flatMap(({ name, value }) => [name, value])),
    ...product.variants.map(({ id }) => id),
  ]
  return [titles, rest].map((texts) => toSearchWords([...new Set(texts)].join(' \n '))).join('\n')
}
