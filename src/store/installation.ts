/** Which bot a database serves, and how the sandbox's begins anew. */
import { inTransaction, type Client } from './db.ts'

/**
 * Takes the database for a bot, the first time it is asked.
 * @returns the bot that it belongs to: another one must not use it.
 */
export async function claimInstallation(db: Client, messenger: string, account: string, now: Date): Promise<string> {
  await db.$executeRaw`
    INSERT INTO installation (messenger, account, since) VALUES (${messenger}, ${account}, ${now}) ON CONFLICT DO NOTHING`
  const { account: owner } = await db.installation.findUniqueOrThrow({ where: { messenger } })
  return owner
}

/**
 * Forgets people and all that hangs on them, goods and shops stay. For the sandbox only, which has no memory: the
 * people, messages, payments and parcels of its last life do not exist any more. All or nothing: whoever found nobody left
 * would not look for the rest.
 * @returns false when there was nothing to forget.
 */
export async function forgetPeople(db: Client): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const somebody = await tx.$queryRaw<unknown[]>`SELECT 1 FROM person LIMIT 1`
    if (somebody.length === 0) return false
    await tx.$executeRaw`TRUNCATE person, brand_channel, handled_update, uploaded_picture, reconciliation CASCADE`
    await tx.$executeRaw`UPDATE stock_level SET reserved = 0 WHERE reserved > 0`
    await tx.$executeRaw`DELETE FROM graphile_worker._private_jobs`
    return true
  })
}
