/** Choosing among the variants of a product: side by side, by each of their options, or from a list. */
import type { Language } from '#domain/people.ts'
import type { ProductRow, VariantRow } from '#shop/catalog.ts'
import { isThere } from './catalog.ts'
import type { Intent } from './intent.ts'
import { optionsText } from './options.ts'
import type { Button } from './screen.ts'

/** Where a person is on a product's page, and from where they came; 0 for whatever is not known. */
export type View = { productId: number; variantId: number; photo: number; searchId: number; page: number }

/** A page as every other product's, or one that leads back to a search. */
export function viewIntent({ productId, variantId, photo, searchId, page }: View): Intent {
  if (searchId > 0 || photo > 0) return { do: 'look', productId, variantId, photo, searchId, page }
  return variantId > 0 ? { do: 'variant', productId, variantId } : { do: 'product', productId }
}

type Options = Record<string, string>

const optionsIn = ({ options }: VariantRow, language: Language): Options =>
  options[language] ?? options['ru'] ?? Object.values(options)[0] ?? {}

/**
 * The names of the options in which the variants differ, when each variant has a value of both of two.
 * Buttons carry their place: PostgreSQL keeps the same names in the same order.
 */
export function kindsOf({ variants }: ProductRow, language: Language): string[] {
  const all = variants.map((variant) => optionsIn(variant, language))
  const [first = {}] = all
  const kinds = Object.keys(first).filter((kind) => new Set(all.map((options) => options[kind])).size > 1)
  return kinds.length === 2 && all.every((options) => kinds.every((kind) => options[kind] !== undefined)) ? kinds : []
}

/**
 * @param room how many buttons may be used, at least one.
 * @returns rows that lead to every variant.
 */
export function optionRows(
  product: ProductRow,
  current: VariantRow,
  view: View,
  language: Language,
  room: number,
): Button[][] {
  const { variants } = product
  if (variants.length < 2) return []
  if (variants.length <= Math.min(room, 4))
    return [variants.map((variant) => variantButton(variant, current, view, language))]
  const kinds = kindsOf(product, language)
  const { productId, searchId, page } = view
  if (kinds.length === 2 && room >= 2) {
    const mine = optionsIn(current, language)
    const buttons = kinds.map((kind, at): Button => {
      const label = { key: 'button.choose-kind' as const, params: { kind, option: mine[kind] ?? '' } }
      const { variantId } = current
      return { label, intent: { do: 'look-options', productId, variantId, kind: at, at: 0, searchId, page } }
    })
    return [buttons]
  }
  const label = { key: 'button.choose-option' as const, params: { option: optionsText(current.options, language) } }
  const intent: Intent =
    searchId === 0
      ? { do: 'variants', productId, page: 0 }
      : { do: 'look-options', productId, variantId: current.variantId, kind: allKinds, at: 0, searchId, page }
  return [[{ label, intent }]]
}

/** Of `look-options`: every variant, not by one of two options. */
export const allKinds = 2

/**
 * The variants that a list offers: all of them, or for each value of one option the one that is otherwise as the chosen one.
 * @param kind its place among `kindsOf`; anything else offers all.
 */
export function optionButtons(
  product: ProductRow,
  current: VariantRow | undefined,
  kind: number,
  view: View,
  language: Language,
): Button[] {
  const name = current && kindsOf(product, language)[kind]
  if (current === undefined || name === undefined)
    return product.variants.map((variant) => variantButton(variant, current, view, language))
  const mine = optionsIn(current, language)
  const byValue = new Map<string, VariantRow[]>()
  for (const variant of product.variants) {
    const value = optionsIn(variant, language)[name] ?? ''
    byValue.set(value, [...(byValue.get(value) ?? []), variant])
  }
  return [...byValue].flatMap(([value, variants]) => {
    const isLike = (variant: VariantRow) => {
      const options = optionsIn(variant, language)
      return Object.keys(mine).every((other) => other === name || options[other] === mine[other])
    }
    const variant = variants.find(isLike) ?? variants.find(isThere) ?? variants[0]
    // Chosen from here, it may come with another value of the other option: its page says which.
    return variant
      ? [{ ...variantButton(variant, current, view, language), label: { raw: markOf(variant, current) + value } }]
      : []
  })
}

function variantButton(variant: VariantRow, current: VariantRow | undefined, view: View, language: Language): Button {
  const name = optionsText(variant.options, language) || String(variant.variantId)
  const { variantId } = variant
  return { label: { raw: markOf(variant, current) + name }, intent: viewIntent({ ...view, variantId, photo: 0 }) }
}

const markOf = (variant: VariantRow, current: VariantRow | undefined) =>
  variant.variantId === current?.variantId ? '✓ ' : isThere(variant) ? '' : '✕ '
