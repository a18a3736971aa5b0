/** Who a person is and what we asked them: the start of handling anything. */
import { isShown } from '#domain/adult.ts'
import { languageFromTag, type Language } from '#domain/people.ts'
import type { Client } from '#store/db.ts'
import {
  createPerson,
  deleteDialog,
  findIsAdult,
  findRecipient,
  findVisit,
  markHandled,
  markReachable,
  markUnreachable,
  saveAdult,
  saveDialog,
  saveLanguage,
  saveRecipient,
  saveTimeZone,
  type City,
  type RecipientFields,
} from '#store/people.ts'

export type { City, RecipientFields }

export type KnownVisitor = {
  personId: number
  language: Language
  timeZone: string
  /** Where their parcels go, once they said so. */
  city: City | null
  /** They said that they are eighteen. */
  isAdult: boolean
  /** The message whose button was pressed is edited when what it shows changes. */
  pressedCard: boolean
  /** What we asked for and still wait for, with what we already know. */
  dialog?: { step: string; data: Record<string, unknown> }
}

/** Finds or makes the person. @returns undefined when this very update was handled before. */
export async function arrive(
  db: Client,
  who: {
    messenger: string
    externalId: string
    firstName: string
    username?: string
    languageCode?: string
    updateId: string
    /** The message whose button was pressed. */
    pressedRef?: string
    opensChat: boolean
  },
  now: Date,
): Promise<KnownVisitor | undefined> {
  const visit = await findVisit(db, who.messenger, who.externalId, who.updateId, who.pressedRef)
  if (visit.wasHandled) return undefined
  const found = visit.person
  if (!found) {
    const language = languageFromTag(who.languageCode)
    const { messenger, externalId, username } = who
    // PostgreSQL stores every character but this one, and a first update that fails would come again for ever.
    const firstName = who.firstName.replaceAll('\0', '')
    const personId = await createPerson(
      db,
      { messenger, externalId, firstName, username: username ?? null, language },
      now,
    )
    if (who.opensChat) await markReachable(db, messenger, externalId, now)
    const rest = { city: null, isAdult: false, pressedCard: visit.pressedCard }
    return { personId, language, timeZone: 'Europe/Moscow', ...rest }
  }
  if (who.opensChat && (found.unreachable || !found.chatOpened))
    await markReachable(db, who.messenger, who.externalId, now)
  return {
    personId: found.personId,
    language: found.language,
    timeZone: found.timeZone,
    city: found.city,
    isAdult: found.isAdult,
    pressedCard: visit.pressedCard,
    ...(found.step !== null && { dialog: { step: found.step, data: (found.data ?? {}) as Record<string, unknown> } }),
  }
}

/** @param leftRef a message that shows another screen from now on. */
export async function updateHandled(
  db: Client,
  messenger: string,
  updateId: string,
  leftRef: string | null,
  now: Date,
): Promise<void> {
  await markHandled(db, messenger, updateId, leftRef, now)
}

/** They blocked the bot or let it back in. */
export async function setReachable(
  db: Client,
  messenger: string,
  externalId: string,
  isReachable: boolean,
  now: Date,
): Promise<void> {
  await (isReachable ? markReachable : markUnreachable)(db, messenger, externalId, now)
}

/** Remembers what we asked, so that any process can take the answer. `data` holds only what JSON holds. */
export async function ask(
  db: Client,
  personId: number,
  messenger: string,
  step: string,
  data: Record<string, string | number>,
  now: Date,
): Promise<void> {
  await saveDialog(db, personId, messenger, step, data, now)
}

export async function stopAsking(db: Client, personId: number, messenger: string): Promise<void> {
  await deleteDialog(db, personId, messenger)
}

export async function chooseLanguage(db: Client, personId: number, language: Language): Promise<void> {
  await saveLanguage(db, personId, language)
}

/** `isShown` of domain/adult for whoever is told something without having asked. */
export async function isShownTo(db: Client, personId: number, goods: { isAdult: boolean }): Promise<boolean> {
  return isShown(goods, { isAdult: goods.isAdult && (await findIsAdult(db, personId)) })
}

/** They said that they are eighteen: goods for grown-ups are shown to them from now on. */
export async function confirmAdult(db: Client, personId: number, now: Date): Promise<void> {
  await saveAdult(db, personId, now)
}

export async function recipientOf(db: Client, personId: number): Promise<RecipientFields | null> {
  return findRecipient(db, personId)
}

/** @param timeZone of their city, when it is known: times are written in it from then on. */
export async function setRecipient(
  db: Client,
  personId: number,
  fields: RecipientFields,
  now: Date,
  timeZone?: string,
): Promise<void> {
  await saveRecipient(db, personId, fields, now)
  if (timeZone !== undefined) await saveTimeZone(db, personId, timeZone)
}
