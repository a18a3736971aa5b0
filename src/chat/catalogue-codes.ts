/** What a shop's people ask for about their catalogue. The codes are part of those in `intent.ts`, and for ever. */

export type CatalogueIntent =
  | { do: 'catalogue'; sellerId: number }
  | { do: 'catalogue-send'; sellerId: number }
  | { do: 'import'; importId: number }
  | { do: 'import-again'; importId: number }
  | { do: 'import-drop'; importId: number; isSure: number }
  /** More than half of the goods shall go: so many as they were told. */
  | { do: 'import-held'; importId: number; leaving: number }
  /** What the columns are shall be asked again. */
  | { do: 'import-anew'; importId: number }
  | { do: 'import-file'; importId: number }
  | { do: 'import-columns'; importId: number; page: number }
  /** `column`: its place in the file, which never changes. */
  | { do: 'import-column'; importId: number; column: number; page: number }
  /** `field`: a name of `csvFields`, or `none`. */
  | { do: 'import-column-is'; importId: number; column: number; field: string }
  | { do: 'import-start'; importId: number }
  | { do: 'synonyms'; sellerId: number; page: number }
  | { do: 'synonym-add'; sellerId: number }
  | { do: 'synonym-remove'; synonymId: number; page: number }
  | { do: 'own-categories'; sellerId: number; page: number }
  /** `categoryId` 0 is the root of the tree of all. */
  | { do: 'own-category'; ownId: number; categoryId: number; page: number }
  | { do: 'own-category-is'; ownId: number; categoryId: number }

export const catalogueCodes = {
  catalogue: { code: 'u', fields: { sellerId: 'number' } },
  'catalogue-send': { code: 'us', fields: { sellerId: 'number' } },
  import: { code: 'ui', fields: { importId: 'number' } },
  'import-again': { code: 'ut', fields: { importId: 'number' } },
  'import-drop': { code: 'ud', fields: { importId: 'number', isSure: 'number' } },
  // `uy` is given up: it did not say how many go.
  'import-held': { code: 'uv', fields: { importId: 'number', leaving: 'number' } },
  'import-anew': { code: 'ul', fields: { importId: 'number' } },
  'import-file': { code: 'uf', fields: { importId: 'number' } },
  'import-columns': { code: 'um', fields: { importId: 'number', page: 'number' } },
  'import-column': { code: 'uc', fields: { importId: 'number', column: 'number', page: 'number' } },
  'import-column-is': { code: 'ux', fields: { importId: 'number', column: 'number', field: 'word' } },
  'import-start': { code: 'ug', fields: { importId: 'number' } },
  synonyms: { code: 'uw', fields: { sellerId: 'number', page: 'number' } },
  'synonym-add': { code: 'ua', fields: { sellerId: 'number' } },
  'synonym-remove': { code: 'ur', fields: { synonymId: 'number', page: 'number' } },
  'own-categories': { code: 'uo', fields: { sellerId: 'number', page: 'number' } },
  'own-category': { code: 'uk', fields: { ownId: 'number', categoryId: 'number', page: 'number' } },
  'own-category-is': { code: 'un', fields: { ownId: 'number', categoryId: 'number' } },
} as const satisfies { [D in CatalogueIntent['do']]: object }

export function isCatalogueIntent(intent: { do: string }): intent is CatalogueIntent {
  return Object.hasOwn(catalogueCodes, intent.do)
}
