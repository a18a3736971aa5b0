/** Goods for grown-ups. */

/**
 * Whether somebody may be shown a product: its title, its pictures, what is said and asked about it. Everything that shows
 * goods asks here; what searches asks the same of `listing.is_adult`. Of what they bought themselves people are told.
 */
export function isShown(goods: { isAdult: boolean }, visitor: { isAdult: boolean }): boolean {
  return visitor.isAdult || !goods.isAdult
}
