/** What one product is, folded from its offers in the order of the feed. */
import { maxPictures, type FeedOffer, type FeedParam } from './feeds.ts'
import type { FeedLanguage, Texts } from './feed-text.ts'

export type FeedVariant = FeedOffer & {
  options: Partial<Record<FeedLanguage, Record<string, string>>>
  /** Its own; none when all variants have the same, which are those of the product. */
  ownPictures: string[]
}

export type FeedProduct = {
  id: string
  title: Texts
  description: Texts
  vendor: string | undefined
  categoryId: string | undefined
  pictures: string[]
  /** What all variants have in common, in the order of the feed. */
  params: FeedParam[]
  isAdult: boolean
  isPerishable: boolean
  cities: number[]
  currency: string
  terms: { size: number; lifetimeMinutes: number } | undefined
  variants: FeedVariant[]
}

/** @param offers of one product, at least one. Terms whose size differs from the first are told in `warnings`. */
export function foldProduct(offers: readonly [FeedOffer, ...FeedOffer[]]): {
  product: FeedProduct
  warnings: { line: number; offerId: string; reason: string }[]
} {
  const [first] = offers
  const leading = offers.find((offer) => offer.groupTerms)?.groupTerms
  const warnings: { line: number; offerId: string; reason: string }[] = []
  const pictures = [...new Set(offers.flatMap((offer) => offer.pictures))].slice(0, maxPictures)
  const values = offers.map(valuesByParam)
  const isCommon = (param: FeedParam) => values.every((own) => own.get(paramKey(param)) === param.value)
  const hasOwnPictures = offers.some((offer) => offer.pictures.join(' ') !== first.pictures.join(' '))
  const variants = offers.map((offer) => {
    const terms = offer.groupTerms
    const isOdd =
      terms !== undefined && (terms.size !== leading?.size || terms.lifetimeMinutes !== leading.lifetimeMinutes)
    if (isOdd) {
      const reason = 'group terms left out: size or lifetime differs from the other variants of the product'
      warnings.push({ line: offer.line, offerId: offer.id, reason })
    }
    return {
      ...offer,
      groupTerms: isOdd ? undefined : terms,
      options: optionsOf(offer, offers, isCommon),
      ownPictures: hasOwnPictures ? offer.pictures : [],
    }
  })
  const cities = offers
    .filter((offer) => offer.isPerishable && offer.cities.length > 0)
    .flatMap((offer) => offer.cities)
  return {
    warnings,
    product: {
      id: first.productId,
      title: first.title,
      description: first.description,
      vendor: first.vendor,
      categoryId: first.categoryId,
      pictures,
      params: first.params.filter(isCommon),
      isAdult: offers.some((offer) => offer.isAdult),
      isPerishable: offers.some((offer) => offer.isPerishable),
      cities: [...new Set(cities)].sort((a, b) => a - b),
      currency: first.currency,
      terms: leading && { size: leading.size, lifetimeMinutes: leading.lifetimeMinutes },
      variants,
    },
  }
}

const paramKey = ({ language, name }: FeedParam) => `${language} ${name}`

/** A parameter given twice counts by its first value. */
function valuesByParam({ params }: FeedOffer): Map<string, string> {
  return new Map(params.toReversed().map((param) => [paramKey(param), param.value]))
}

/** The parameters in which siblings differ. Where none does, the name or the id has to tell them apart. */
function optionsOf(
  offer: FeedOffer,
  siblings: readonly FeedOffer[],
  isCommon: (param: FeedParam) => boolean,
): FeedVariant['options'] {
  if (siblings.length === 1) return {}
  const options: FeedVariant['options'] = {}
  for (const param of offer.params) {
    if (isCommon(param)) continue
    const inLanguage = (options[param.language] ??= {})
    inLanguage[param.name] ??= param.value
  }
  if (Object.keys(options).length > 0) return options
  const nameOf = (one: FeedOffer) => one.variantTitle ?? one.title.ru ?? one.id
  const names = new Set(siblings.map(nameOf))
  return { ru: { Вариант: names.size === siblings.length ? nameOf(offer) : offer.id } }
}

/** By which the same brand is known again: however it is capitalised, spaced, or spelt with ё. */
export function foldBrand(name: string): string {
  return name.normalize('NFKC').toLowerCase().replaceAll('ё', 'е').replace(/\s+/g, ' ').trim()
}

const adultCategories =
  /эротик|эротич|интим-|интимн(?:ые|ая) (?:товар|игруш)|секс-?шоп|секс-?игруш|товары для взрослых|18\+|табак|табач|сигарет|вейп|никотин|кальян|(?<!без)алкогольн|крепкие напитки|sex toys|erotic|adult (?:toys|goods|products)|tobacco|vap(?:es|ing)|(?<!non[- ]?)alcoholic|成人用品|情趣|烟草|酒类/i
const adultTitles =
  /вибратор(?!\s+(?:для бетон|глубин))|фаллоимитатор|мастурбатор|страпон|секс-?(?:игрушк|кукл)|электронн(?:ая|ые) сигарет|sex (?:toy|doll)|dildo|vibrator|成人玩具|电子烟/i

/** Feeds forget the flag. Few words, each of them plain: what is not for adults must not vanish from the shop. */
export function looksAdult(titles: Texts, categoryTitles: readonly Texts[]): boolean {
  const isOf = (pattern: RegExp) => (texts: Texts) => Object.values(texts).some((text) => pattern.test(text))
  return isOf(adultTitles)(titles) || categoryTitles.some(isOf(adultCategories))
}
