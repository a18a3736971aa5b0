/** A shop's synonyms: what its buyers call things, and what its goods are called. */
import { toSearchWords } from '#domain/search.ts'
import { inTransaction, type Client } from '#store/db.ts'
import { isMember } from '#store/sellers.ts'
import {
  countSynonyms,
  deleteSynonym,
  findSynonyms,
  insertSynonym,
  lockSynonyms,
  type Synonym,
} from '#store/synonyms.ts'

export type { Synonym }

/** Each makes every search a little slower. */
export const synonymsMax = 200
const perPage = 6
const meansMax = 5

/** @param page counts from 0, six each. @returns undefined for people of other shops. */
export async function synonymsOf(
  db: Client,
  sellerId: number,
  personId: number,
  page: number,
): Promise<{ synonyms: Synonym[]; total: number } | undefined> {
  if (!(await isMember(db, sellerId, personId))) return undefined
  return findSynonyms(db, sellerId, { offset: page * perPage, limit: perPage })
}

export type AddSynonymResult =
  | { ok: true; word: string; means: string }
  /** `unclear`: not `word = meaning`; `one-word`: more than one word on the left; `same`: both are the same to search. */
  | { ok: false; reason: 'not-found' | 'unclear' | 'one-word' | 'too-long' | 'same' | 'known' | 'too-many' }

/** @param typed `word = meaning`: one word, and one to five that it stands for; kept as search folds them. */
export async function addSynonym(
  db: Client,
  { sellerId, personId }: { sellerId: number; personId: number },
  typed: string,
  now: Date,
): Promise<AddSynonymResult> {
  if (!(await isMember(db, sellerId, personId))) return { ok: false, reason: 'not-found' }
  const parsed = parseSynonym(typed)
  if (!parsed.ok) return parsed
  return inTransaction(db, async (tx): Promise<AddSynonymResult> => {
    await lockSynonyms(tx, sellerId)
    if ((await countSynonyms(tx, sellerId)) >= synonymsMax) return { ok: false, reason: 'too-many' }
    return (await insertSynonym(tx, sellerId, parsed, now)) ? parsed : { ok: false, reason: 'known' }
  })
}

function parseSynonym(typed: string): AddSynonymResult {
  const [left = '', right = '', ...more] = typed.split(/=|—|→|->/).map((part) => part.trim())
  if (left === '' || right === '' || more.length > 0) return { ok: false, reason: 'unclear' }
  if (left.length > 60 || right.length > 200) return { ok: false, reason: 'too-long' }
  if (/\s/.test(left)) return { ok: false, reason: 'one-word' }
  // What is glued (`wi-fi`) is kept whole and in pieces: the whole comes first.
  const word = toSearchWords(left).split(' ')[0] ?? ''
  const means = right
    .split(/[\s,;]+/)
    .map((one) => toSearchWords(one).split(' ')[0] ?? '')
    .filter((one) => one !== '')
  if (word === '' || means.length === 0) return { ok: false, reason: 'unclear' }
  if (means.length > meansMax) return { ok: false, reason: 'too-long' }
  const joined = [...new Set(means)].join(' ')
  return word === joined ? { ok: false, reason: 'same' } : { ok: true, word, means: joined }
}

/** @returns whose it was; undefined for people of other shops, and when it is gone. */
export async function removeSynonym(db: Client, synonymId: number, personId: number): Promise<number | undefined> {
  return deleteSynonym(db, synonymId, personId)
}
