import { languages, type Language } from '#domain/people.ts'
import { ask, chooseLanguage, stopAsking } from '#shop/people.ts'
import { shopsOf } from '#shop/sellers.ts'
import type { Button, Screen } from './screen.ts'
import type { Outcome, Visit } from './visit.ts'

/** What they ask about is not there, or not theirs: hostile ids are told no more. */
export const notFound = (): Outcome & { screen: Screen } => ({ screen: confused('confused.not-found') })

export const homeButton: Button = { label: { key: 'button.home' }, intent: { do: 'home' } }

/** The first screen and the way back from everywhere. Whatever was asked is no longer waited for. */
export async function home(visit: Visit): Promise<Outcome> {
  const { deps, visitor } = visit
  await stopAsking(deps.db, visitor.personId, visitor.sender.messenger)
  const shops = await shopsOf(deps.db, visitor.personId)
  const rows: Button[][] = [
    [
      { label: { key: 'button.search' }, intent: { do: 'ask-search' } },
      { label: { key: 'button.categories' }, intent: { do: 'categories' } },
    ],
    [
      { label: { key: 'button.favourites' }, intent: { do: 'favourites', page: 0 } },
      { label: { key: 'button.seen' }, intent: { do: 'seen', page: 0 } },
    ],
    [
      { label: { key: 'button.orders' }, intent: { do: 'orders' } },
      { label: { key: 'button.language' }, intent: { do: 'language' } },
    ],
  ]
  const [shop, ...others] = shops
  if (shop) {
    const intent = others.length > 0 ? ({ do: 'shops' } as const) : ({ do: 'shop', sellerId: shop.sellerId } as const)
    rows.push([{ label: { key: 'button.my-shop' }, intent }])
  }
  const name = visitor.sender.firstName
  return {
    screen: {
      picture: 'brand/home',
      lines: [
        { key: 'home.hello', params: { name } },
        { gap: true },
        { key: 'home.what' },
        { gap: true },
        { key: 'home.how' },
      ],
      rows,
    },
  }
}

export async function askSearch({ deps, visitor }: Visit): Promise<Outcome> {
  await ask(deps.db, visitor.personId, visitor.sender.messenger, 'search', {}, deps.now())
  return {
    screen: { picture: 'brand/categories', lines: [{ key: 'search.ask' }], rows: [[homeButton]] },
  }
}

const ownNames: Record<Language, string> = { ru: 'Русский', en: 'English', zh: '中文' }

export function languageScreen(current: Language): Screen {
  const rows = languages.map((language): Button[] => [
    {
      label: { raw: language === current ? `✓ ${ownNames[language]}` : ownNames[language] },
      intent: { do: 'set-language', language },
    },
  ])
  return { picture: 'brand/language', lines: [{ key: 'language.choose' }], rows: [...rows, [homeButton]] }
}

export async function setLanguage(visit: Visit, language: Language): Promise<Outcome> {
  await chooseLanguage(visit.deps.db, visit.visitor.personId, language)
  visit.visitor.language = language
  visit.reader.language = language
  return { ...(await home(visit)), toast: 'language.chosen' }
}

/** For what cannot be understood: never silence, always a way on. */
export function confused(key: 'confused.input' | 'confused.link' | 'confused.button' | 'confused.not-found'): Screen {
  return {
    lines: [{ key }],
    rows: [[{ label: { key: 'button.search' }, intent: { do: 'ask-search' } }, homeButton]],
  }
}
