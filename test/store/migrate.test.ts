import { expect, test } from 'vitest'
import { migrate, migrationDrift } from '#store/migrate.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase()

test('the migrations make exactly what the schema says', async () => {
  expect(await migrationDrift(database.url)).toBe('')
})

test('applying the migrations again changes nothing', async () => {
  expect(await migrate(database.url)).toEqual([])
})

test('a formed group that is not full is refused by the database itself', async () => {
  await expect(
    database.db
      .$executeRaw`INSERT INTO "group" (token, campaign_id, variant_id, leader_id, state, size, price, currency,
      taken_seats, paid_seats, deadline_at, created_at, closed_at)
      VALUES ('t', 1, 1, 1, 'formed', 3, 100, 'RUB', 2, 2, now(), now(), now())`,
  ).rejects.toThrow(/group_formed_means_full/)
})
