/**
 * A seller's feed becomes their catalogue: all of it or, when the file turns out broken, nothing. What the feed says is
 * staged first (import-staging); what agrees with the last time is then told by its fingerprint and left alone.
 */
import { foldBrand, foldProduct, looksAdult, type FeedProduct } from '#domain/feed-products.ts'
import type { Texts } from '#domain/feed-text.ts'
import { groupBy, type FeedItem, type FeedLocation } from '#domain/feeds.ts'
import { toSearchWords } from '#domain/search.ts'
import { demoFeeds, readFeedFiles } from '#gateways/feeds.ts'
import * as store from '#store/catalog-import.ts'
import { inTransaction, type Client, type Transaction } from '#store/db.ts'
import * as staging from '#store/import-staging.ts'
import { storeCategories, type CategoryOf } from './import-categories.ts'
import { openSpill, type Spill } from './import-spill.ts'
import { remarksKept, stageFeed, thaw, type Remark, type Remarks } from './import-staging.ts'
import { refreshDueListings } from './listings.ts'

export type ImportReport = {
  seller: { slug: string; name: string; invitation: string }
  /** Offers of the feed, so that `added + changed + unchanged + refusedCount` is all of them. */
  added: number
  changed: number
  unchanged: number
  /** Variants that left the feed. */
  withdrawn: number
  refusedCount: number
  warningsCount: number
  /** The first `remarksKept` of each list. */
  refused: Remark[]
  /** Offers that were taken without a part of theirs. */
  warnings: Remark[]
}
export { remarksKept, type Remark } from './import-staging.ts'

export type ImportOptions = {
  seller: { slug: string; name?: string }
  now: Date
  /** What to store for a picture of the feed; undefined leaves it out. By default http(s) addresses only. */
  picture?: (value: string) => string | undefined
  /** The ids of its categories are slugs of the shared tree: only the project's own feeds have such. */
  hasSlugs?: boolean
  /** An unguessable invitation, should the seller be new. */
  newToken: () => string
  /** Offers read so far, then offers stored out of the total. */
  onProgress?: (done: number, total?: number) => void
  /** The seller was asked, and means it: more than half of the goods may go. */
  isSure?: boolean
  /** The same, of what they were told: so many may go, as long as so many are left. */
  agreedTo?: { leaving: number; left: number }
  /** The last thing in the transaction: what it throws undoes all of it. */
  finish?: (tx: Transaction, report: ImportReport) => Promise<void>
}

/** Nothing was stored. `busy`: another import of this seller is under way. `held`: see {@link ImportHeld}. */
export class ImportRefused extends Error {
  override readonly name: string = 'ImportRefused'
  readonly reason: 'busy' | 'held'

  constructor(reason: 'busy' | 'held', message: string) {
    super(message)
    this.reason = reason
  }
}

/** More than half of the goods on sale are missing in the feed: most often a broken export, so the seller is asked. */
export class ImportHeld extends ImportRefused {
  override readonly name = 'ImportHeld'
  /** Variants on sale now. */
  readonly had: number
  /** Those of them that the feed has. */
  readonly left: number

  constructor(had: number, left: number) {
    super('held', `the feed lacks ${had - left} of the ${had} goods on sale`)
    this.had = had
    this.left = left
  }
}

/** Raise it when something else is made of the same offer: products are then read again though their feed is the same. */
const version = 1
const productsPerBatch = 300
const wordsRemembered = 20_000
/** A tsvector holds 1 MB; this is far below it in any script. */
const wordsLengthMax = 40_000
/** Where parcels leave from when the feed does not say: Moscow, code 44 at CDEK. */
const elsewhere = { code: 44, name: 'Москва' }
const ownLocation: FeedLocation = {
  id: 'main',
  kind: 'seller',
  title: { ru: 'Склад продавца', en: "Seller's warehouse", zh: '卖家仓库' },
  city: elsewhere,
}

/**
 * Imports a whole feed in one transaction, and then brings search up to date. Importing the same feed again writes nothing.
 * A feed without a single acceptable offer changes nothing and withdraws nothing.
 * The feed is read inside the transaction, so it should be a file rather than a slow connection: PostgreSQL ends a
 * transaction that does nothing for a minute.
 * @throws ImportRefused, ImportHeld, or what the feed throws (FeedError); nothing is stored then.
 */
export async function importFeed(
  db: Client,
  feed: AsyncIterable<FeedItem>,
  options: ImportOptions,
): Promise<ImportReport> {
  const spill = openSpill()
  let report: ImportReport
  try {
    report = await inTransaction(db, async (tx) => {
      const stored = await importInto(tx, feed, spill, options)
      await options.finish?.(tx, stored)
      return stored
    })
  } finally {
    spill.close()
  }
  // Should that fail, the next tick does it: what is stored is stored.
  await refreshDueListings(db, options.now).catch(() => undefined)
  return report
}

/** The demo's sellers, with pictures that the project draws. Once imported, again costs a read. */
export async function importDemo(
  db: Client,
  options: Pick<ImportOptions, 'now' | 'newToken' | 'onProgress'>,
): Promise<ImportReport[]> {
  const reports: ImportReport[] = []
  for (const { slug, path } of demoFeeds()) {
    const own = { ...options, seller: { slug }, picture: demoPicture, hasSlugs: true, isSure: true }
    try {
      reports.push(await importFeed(db, readFeedFiles([path]), own))
    } catch (error) {
      // Another process begins at the same time, and brings the same.
      if (!(error instanceof ImportRefused && error.reason === 'busy')) throw error
    }
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
  spill: Spill,
  options: ImportOptions,
): Promise<ImportReport> {
  const { slug } = options.seller
  if (!(await staging.tryLockSellerImport(tx, slug))) {
    throw new ImportRefused('busy', 'another import of this shop is under way')
  }
  const read = await stageFeed(tx, feed, spill, options)
  if (read.accepted > 0 && options.isSure !== true) {
    const { had, left } = await staging.countMissing(tx, slug)
    const { agreedTo } = options
    const isAgreed = agreedTo !== undefined && left >= agreedTo.left && had - left <= agreedTo.leaving
    if (left * 2 < had && !isAgreed) throw new ImportHeld(had, left)
  }
  const seller = await store.upsertSeller(tx, {
    slug,
    name: options.seller.name ?? read.shopName,
    invitation: options.newToken(),
    now: options.now,
  })
  const report: ImportReport = {
    seller: { slug, name: seller.name, invitation: seller.invitation },
    added: 0,
    changed: 0,
    unchanged: 0,
    withdrawn: 0,
    refusedCount: read.refused.count,
    warningsCount: 0,
    refused: read.refused.list,
    warnings: read.warnings.list,
  }
  if (read.accepted === 0) return report

  const categoryOf = await storeCategories(tx, seller.id, read.categories, options.hasSlugs ?? false)
  const unknown = await staging.offersOfUnknownCategory(tx, remarksKept)
  const reason = 'unknown category: filed under "Other"'
  read.warnings.pushFirst(
    unknown.first.map(({ line, offerId }) => ({ line, offerId, reason })),
    unknown.count,
  )
  const products = await staging.numberStagedProducts(tx, seller.id, version, read.usesTerms, options.now)
  const words = rememberWords()
  // What is next is made ready while the database takes what is there: one processor each.
  let underWay: Promise<void> = Promise.resolve()
  for (let after = 0; after < products; after += productsPerBatch) {
    const staged = await staging.readStaged(tx, after, productsPerBatch)
    const prepared = await prepare(staged, spill, categoryOf, words, read.warnings)
    await underWay
    underWay = storeProducts(tx, seller.id, prepared, read.usesTerms, read.warnings, options.now)
    // Whoever waits for it next is told.
    underWay.catch(() => {})
    const part = Math.min(after + productsPerBatch, products) / products
    options.onProgress?.(Math.round(part * read.accepted), read.accepted)
  }
  await underWay
  await staging.seeUnchanged(tx)
  options.onProgress?.(read.accepted, read.accepted)
  report.withdrawn = await store.withdrawUnseen(tx, seller.id, read.usesTerms, options.now)
  await storeStock(tx, seller.id, read.locations, read.warnings)
  report.warnings.sort((a, b) => a.line - b.line)
  return { ...report, warningsCount: read.warnings.count, ...(await store.countSeen(tx)) }
}

async function storeStock(tx: Transaction, sellerId: number, given: FeedLocation[], warnings: Remarks): Promise<void> {
  const locations = given.length === 0 ? [ownLocation] : given
  const ids = await store.upsertLocations(
    tx,
    sellerId,
    locations.map(({ city, ...location }) => ({
      ...location,
      title: Object.keys(location.title).length === 0 ? { ru: city?.name ?? location.id } : location.title,
      cityCode: city?.code,
      cityName: city?.name,
    })),
    elsewhere,
  )
  const listed = locations.flatMap(({ id: externalId }) => {
    const id = ids.get(externalId)
    return id === undefined ? [] : [{ externalId, id }]
  })
  const away = await staging.stageStock(tx, sellerId, listed, remarksKept)
  warnings.pushFirst(
    away.first.map(({ line, offerId, location }) => {
      return { line, offerId, reason: `stock left out: the feed has no location "${location}"` }
    }),
    away.count,
  )
  await store.mergeStock(tx)
}

type Prepared = { products: FeedProduct[]; rows: Omit<store.ProductRow, 'brandId'>[] }

/** Folds offers to products, with pauses in which answers of the database are heard. */
async function prepare(
  staged: { line: number; at: bigint; size: number; fingerprint: string }[],
  spill: Spill,
  categoryOf: CategoryOf,
  words: FoldWords,
  warnings: Remarks,
): Promise<Prepared> {
  const prepared: Prepared = { products: [], rows: [] }
  const fingerprints = new Map<string, string>()
  const offers = staged.map((row) => {
    const offer = thaw(row, spill)
    fingerprints.set(offer.productId, row.fingerprint)
    return offer
  })
  for (const [first, ...others] of groupBy(offers, ({ productId }) => productId).values()) {
    if (!first) continue
    const { product, warnings: left } = foldProduct([first, ...others])
    warnings.push(...left)
    const { id: categoryId, titles, ownTitles } = categoryOf(product.categoryId)
    prepared.products.push(product)
    prepared.rows.push({
      externalId: product.id,
      categoryId,
      feedCategory: product.categoryId,
      title: product.title,
      description: product.description,
      vendor: product.vendor,
      pictures: product.pictures,
      words: searchWords(product, titles, words),
      details: words(Object.values(product.description)),
      params: product.params,
      isAdult: product.isAdult || looksAdult(product.title, [...titles, ...ownTitles]),
      isPerishable: product.isPerishable,
      cities: product.cities,
      fingerprint: fingerprints.get(product.id) ?? '',
    })
    if (prepared.rows.length % 50 === 0) await new Promise((go) => setImmediate(go))
  }
  return prepared
}

async function storeProducts(
  tx: Transaction,
  sellerId: number,
  { products, rows: productRows }: Prepared,
  usesTerms: boolean,
  warnings: Remarks,
  now: Date,
): Promise<void> {
  const brandByFolded = new Map(
    products.flatMap(({ vendor = '' }) => (foldBrand(vendor) === '' ? [] : [[foldBrand(vendor), vendor] as const])),
  )
  const brands = [...brandByFolded].map(([folded, name]) => ({ name, folded }))
  const brandIds = await store.upsertBrands(tx, brands)
  const merged = await store.mergeProducts(
    tx,
    sellerId,
    productRows.map((row) => ({ ...row, brandId: brandIds.get(foldBrand(row.vendor ?? '')) })),
    now,
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
        pictureList: variant.ownPictures,
        position,
      })),
    ),
  )
  if (!usesTerms) return
  // Offer ids are unique in a feed, so within this batch they name one variant each.
  const variantIds = new Map(stored.map((row) => [row.externalId, row.id]))
  const terms = rows.flatMap(({ product, row }) => {
    const prices = product.variants.flatMap(({ id, groupTerms }) => {
      const variantId = variantIds.get(id)
      return groupTerms && variantId !== undefined ? [{ variantId, price: String(groupTerms.price) }] : []
    })
    return product.terms ? [{ productId: row.id, ...product.terms, prices }] : []
  })
  const ids = rows.map(({ row }) => row.id)
  const leftOut = await store.mergeCampaigns(tx, sellerId, ids, terms, now)
  for (const { product, row } of rows) {
    const offer = leftOut.has(row.id) ? product.variants.find(({ groupTerms }) => groupTerms) : undefined
    if (!offer) continue
    const reason = "group terms left out: the shop's own terms are in force"
    warnings.push({ line: offer.line, offerId: offer.id, reason })
  }
}

/**
 * What search reads of a product, by weight: its title in every language on the first line, brand and categories on the
 * second, parameters and the maker's codes on the third.
 */
function searchWords({ variants, vendor, title }: FeedProduct, categoryTitles: Texts[], words: FoldWords): string {
  const titles = [...Object.values(title), ...variants.flatMap((variant) => Object.values(variant.title))]
  const kinds = [vendor ?? '', ...categoryTitles.flatMap((texts) => Object.values(texts))]
  const rest = variants.flatMap(({ vendorCode = '', params }) => [
    ...params.flatMap(({ name, value }) => [name, value]),
    vendorCode,
  ])
  return [titles, kinds, rest].map((texts) => words(texts)).join('\n')
}

type FoldWords = (texts: Iterable<string>) => string

/** `toSearchWords`, remembering what the commonest words become: a catalogue says the same few thousand over and over. */
function rememberWords(): FoldWords {
  const known = new Map<string, string[]>()
  const wordsOf = (token: string): string[] => {
    const found = known.get(token)
    if (found) return found
    const words = toSearchWords(token)
      .split(' ')
      .filter((word) => word !== '')
    if (known.size >= wordsRemembered) known.clear()
    known.set(token, words)
    return words
  }
  return (texts) => {
    const words = new Set<string>()
    let length = 0
    for (const text of new Set(texts)) {
      for (const token of text.split(/\s+/)) {
        for (const word of wordsOf(token)) {
          if (words.has(word) || length + word.length + 1 > wordsLengthMax) continue
          words.add(word)
          length += word.length + 1
        }
      }
    }
    return [...words].join(' ')
  }
}
