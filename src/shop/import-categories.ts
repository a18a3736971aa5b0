/** Where a feed's categories are in the tree of all sellers. */
import type { FeedCategory } from '#domain/feeds.ts'
import { cut, feedLanguages, type Texts } from '#domain/feed-text.ts'
import * as store from '#store/catalog-import.ts'
import type { Transaction } from '#store/db.ts'
import { stageCategories, stagedCategoryIds } from '#store/import-staging.ts'
import { findPathsBySlug } from '#store/own-categories.ts'

/**
 * `titles` of all categories on the path to where the goods are filed, the root first; `ownTitles` of those on the feed's
 * own path. They are the same unless the shop has said where its category belongs.
 */
export type CategoryOf = (feedId: string | undefined) => { id: number; titles: Texts[]; ownTitles: Texts[] }

const otherCategory: FeedCategory = {
  id: 'other',
  parentId: undefined,
  title: { ru: 'Прочее', en: 'Other', zh: '其他' },
}

/**
 * Stores the categories that offers use, with their ancestors. The tree is shared, and a category is found again by the
 * titles on its path, so that two shops' "Shoes" are one. Ids say nothing, since every shop counts its own from one on,
 * unless every title on the way agrees with that of a known category. Where the seller has said where a category of theirs
 * belongs, it is filed there instead, and nothing is added to the tree.
 * @param hasSlugs the ids of the project's own feeds, which are the slugs of the tree.
 */
export async function storeCategories(
  tx: Transaction,
  sellerId: number,
  categories: ReadonlyMap<string, FeedCategory>,
  hasSlugs: boolean,
): Promise<CategoryOf> {
  const parentOf = (category: FeedCategory) => categories.get(category.parentId ?? '')
  const pathOf = (id: string): FeedCategory[] => {
    const path: FeedCategory[] = []
    for (let at = categories.get(id); at && !path.includes(at) && path.length < 10; at = parentOf(at)) path.unshift(at)
    return path
  }
  const feedIds = await stagedCategoryIds(tx)
  const mapped = new Map((await store.categoryMappings(tx, sellerId)).map((row) => [row.feedCategory, row]))
  const pathByFeedId = new Map<string, FeedCategory[]>()
  for (const id of feedIds) if (!mapped.has(id)) pathByFeedId.set(id, nonEmpty(pathOf(id)))
  const slugsOf = await chooseSlugs(tx, [...pathByFeedId.values()], hasSlugs)
  const levels: Map<string, { slug: string; parentSlug: string | undefined; title: Texts; position: number }>[] = []
  const order = new Map([...categories.keys()].map((id, at) => [id, at]))
  for (const path of pathByFeedId.values()) {
    const slugs = slugsOf(path)
    for (const [depth, category] of path.entries()) {
      const slug = slugs[depth] ?? ''
      const parentSlug = slugs[depth - 1]
      const level = (levels[depth] ??= new Map())
      const position = order.get(category.id) ?? categories.size
      if (!level.has(slug)) level.set(slug, { slug, parentSlug, title: category.title, position })
    }
  }
  const ids = await store.upsertCategories(
    tx,
    levels.map((level) => [...level.values()]),
  )
  const found = new Map<string, ReturnType<CategoryOf> & { isKnown: boolean }>()
  for (const feedId of feedIds) {
    const own = mapped.get(feedId)
    const path = pathByFeedId.get(feedId) ?? []
    const slug = slugsOf(path).at(-1) ?? ''
    const id = own?.categoryId ?? ids.get(slug)
    if (id === undefined) throw new Error(`category ${slug} was not stored`)
    const ownTitles: Texts[] = (own ? pathOf(feedId) : path).map(({ title }) => title)
    const isKnown = own !== undefined || path[0] !== otherCategory
    found.set(feedId, { id, titles: own?.titles ?? ownTitles, ownTitles, isKnown })
  }
  await stageCategories(
    tx,
    [...found].map(([feedId, { id, titles, ownTitles, isKnown }]) => ({
      feedId,
      categoryId: id,
      isKnown,
      // All that is made of it: a product is read again when this changes.
      titles: JSON.stringify(titles === ownTitles ? titles : [titles, ownTitles]),
    })),
  )
  await store.upsertSellerCategories(
    tx,
    sellerId,
    feedIds.filter((id) => id !== '').map((id) => ({ feedCategory: id, title: pathTitle(pathOf(id)) ?? { ru: id } })),
  )
  return (feedId) => {
    const category = found.get(feedId ?? '')
    if (!category) throw new Error(`category ${feedId ?? ''} was not staged`)
    return category
  }
}

function nonEmpty(path: FeedCategory[]): FeedCategory[] {
  return path.length === 0 ? [otherCategory] : path
}

/** "Home › Kitchen" in every language that the whole path has. */
function pathTitle(path: FeedCategory[]): Texts | undefined {
  const title: Texts = {}
  for (const language of feedLanguages) {
    const titles = path.flatMap((category) => category.title[language] ?? [])
    if (titles.length > 0 && titles.length === path.length) title[language] = titles.join(' › ')
  }
  return Object.keys(title).length === 0 ? undefined : title
}

/** @returns the slugs of all categories on a path, the root first. */
async function chooseSlugs(
  tx: Transaction,
  paths: FeedCategory[][],
  hasSlugs: boolean,
): Promise<(path: FeedCategory[]) => string[]> {
  const used = paths.flat()
  const roots = paths.flatMap((path) => path.slice(0, 1))
  const asked = [...used.map(({ id }) => id).filter(isReadable), ...roots.map(({ title, id }) => fold(title, id))]
  const known = await findPathsBySlug(tx, [...new Set(asked)])
  const slugOf = (path: FeedCategory[], parentSlug: string | undefined): string => {
    const [last] = path.slice(-1)
    if (!last) return ''
    if (last === otherCategory || (hasSlugs && isReadable(last.id))) return last.id
    const knownById = isReadable(last.id) ? known.get(last.id) : undefined
    const isSamePath = knownById?.length === path.length && path.every(({ title }, at) => agree(title, knownById[at]))
    if (isSamePath) return last.id
    const part = fold(last.title, last.id)
    // Half a character is refused by the database.
    if (parentSlug !== undefined) return `${parentSlug}/${part}`.slice(-200).replace(/^[\uDC00-\uDFFF]/, '')
    // A title that reads like the slug of something else.
    const namesake = known.get(part)?.at(-1)
    return namesake === undefined || agree(last.title, namesake) ? part : `~${part}`
  }
  return (path) => {
    const slugs: string[] = []
    for (const at of path.keys()) slugs.push(slugOf(path.slice(0, at + 1), slugs[at - 1]))
    return slugs
  }
}

const isReadable = (id: string) => /^[a-z][a-z0-9-]{1,60}$/.test(id)

const foldText = (text: string) =>
  cut(
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, '-')
      .replace(/^-|-$/g, ''),
    60,
  )

const fold = (title: Texts, id: string) => foldText(title.ru ?? title.en ?? title.zh ?? id) || id

/** They are called the same in a language that both have. */
function agree(title: Texts, other: Texts | undefined): boolean {
  return feedLanguages.some((language) => {
    const [one, two] = [title[language], other?.[language]]
    return one !== undefined && two !== undefined && foldText(one) === foldText(two)
  })
}
