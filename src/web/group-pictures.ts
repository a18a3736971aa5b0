/** Pictures of groups for sharing, by name: drawn once for each state, the latest kept. */
import { groupInPicture, type Price } from '#shop/group-picture.ts'
import type { Client } from '#shop/deps.ts'
import { drawGroup, isDrawable } from './group-drawing.ts'
import { readPicture } from './pictures.ts'

export type GroupPictures = {
  /**
   * @param name `group/…`; comes from the network.
   * @returns `isLasting`: it never shows anything else; an older name shows what there is to be seen now.
   */
  read(name: string): Promise<{ png: Buffer; isLasting: boolean } | undefined>
}

/** About 100 KB each. */
const keptMax = 100

/** @param linkOf what the QR code opens, for a group's token. */
export function createGroupPictures(db: Client, linkOf: (token: string) => string): GroupPictures {
  /** Promises, so that a picture asked for twice at once is drawn once. */
  const kept = new Map<string, Promise<Buffer>>()

  return {
    async read(name) {
      const group = await groupInPicture(db, name)
      if (!group) return undefined
      const isLasting = group.name === name
      const known = kept.get(group.name)
      if (known) return { png: await known, isLasting }
      const { titles, seller, picture } = group
      const drawing = photoOf(picture).then((photo) =>
        drawGroup({
          ...group,
          photo,
          // The picture is the same for every reader; what the fonts cannot write, Chinese for one, is left out.
          title: titles.find(isDrawable) ?? '',
          seller: isDrawable(seller) ? seller : '',
          price: write(group.price),
          alone: write(group.alone),
          step: group.step && { seats: group.step.seats, price: write(group.step.price) },
          link: linkOf(group.token),
        }),
      )
      kept.set(group.name, drawing)
      const [oldest] = kept.keys()
      if (kept.size > keptMax && oldest !== undefined) kept.delete(oldest)
      try {
        return { png: await drawing, isLasting }
      } catch (error) {
        kept.delete(group.name)
        throw error
      }
    },
  }
}

/** Our own pictures only: what lies on somebody else's server is not fetched because a stranger asked for it. */
async function photoOf(picture: string | null): Promise<Buffer | undefined> {
  return picture === null ? undefined : readPicture(picture)
}

const formats = new Map<string, Intl.NumberFormat>()

/** One way of writing for all languages: digits in threes and the currency's sign after them. */
function write({ decimal, currency }: Price): string {
  const isWhole = /\.0+$/.test(decimal)
  const key = `${currency} ${isWhole}`
  let format = formats.get(key)
  if (!format) {
    const digits = isWhole ? 0 : (decimal.split('.')[1]?.length ?? 0)
    const fraction = { minimumFractionDigits: digits, maximumFractionDigits: digits }
    format = new Intl.NumberFormat('ru-RU', {
      style: 'currency',
      currency,
      currencyDisplay: 'narrowSymbol',
      ...fraction,
    })
    formats.set(key, format)
  }
  const text = format.format(decimal as unknown as number)
  return isDrawable(text) ? text : `${decimal} ${currency}`
}
