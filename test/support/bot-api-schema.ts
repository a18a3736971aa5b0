/**
 * The Bot API as Telegram publishes it, to check every call of the bot against: the method exists, required parameters
 * are there, none is unknown, and each has its type, all the way down.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

type Field = { name: string; types: string[]; required: boolean; description: string }
type Shape = { name: string; fields?: Field[]; subtypes?: string[]; description: string[] }

export type BotApiSchema = { methods: Record<string, Shape>; types: Record<string, Shape> }

/** Where the schema is looked for: `VMESTE_TEST_DATA`, or beside the checkout. */
export const schemaFile = join(process.env['VMESTE_TEST_DATA'] ?? '../shared/data', 'telegram-bot-api-10.1.json')

/** @returns undefined where the file is absent, and says so: nothing is checked then. */
export function loadBotApiSchema(file = schemaFile): BotApiSchema | undefined {
  if (!existsSync(file)) {
    process.stderr.write(`SKIPPED: ${file} is absent, so the bot's calls are not compared with the Bot API\n`)
    return undefined
  }
  return JSON.parse(readFileSync(file, 'utf8')) as BotApiSchema
}

let loaded: { schema: BotApiSchema | undefined } | undefined

/** @returns what is wrong with all of these calls; nothing where the schema is absent, which is said once in a process. */
export function faultsOfCalls(calls: readonly { method: string; params: Record<string, unknown> }[]): string[] {
  const { schema } = (loaded ??= { schema: loadBotApiSchema() })
  return schema ? calls.flatMap(({ method, params }) => faultsOfCall(schema, method, params)) : []
}

/** @returns what is wrong with a call, one line each; nothing for a correct one. */
export function faultsOfCall(schema: BotApiSchema, method: string, params: Record<string, unknown>): string[] {
  const shape = Object.hasOwn(schema.methods, method) ? schema.methods[method] : undefined
  if (!shape) return [`${method}: there is no such method`]
  return faultsOfFields(schema, shape, params, method)
}

function faultsOfFields(schema: BotApiSchema, shape: Shape, given: Record<string, unknown>, path: string): string[] {
  const fields = new Map((shape.fields ?? []).map((field) => [field.name, field]))
  const faults: string[] = []
  for (const [name, value] of Object.entries(given)) {
    const field = fields.get(name)
    if (!field) faults.push(`${path}.${name}: is not known`)
    else faults.push(...faultsOfValue(schema, field, value, `${path}.${name}`))
  }
  for (const { name, required } of fields.values()) {
    if (required && given[name] === undefined) faults.push(`${path}.${name}: is required`)
  }
  if (shape.name === 'InlineKeyboardButton') faults.push(...faultsOfButton(given, path))
  return faults
}

/** "Exactly one of the fields other than text, icon_custom_emoji_id, and style must be used". */
function faultsOfButton(button: Record<string, unknown>, path: string): string[] {
  const acts = Object.keys(button).filter((name) => !['text', 'icon_custom_emoji_id', 'style'].includes(name))
  return acts.length === 1 ? [] : [`${path}: has ${acts.length} things to do instead of one`]
}

function faultsOfValue(schema: BotApiSchema, field: Field, value: unknown, path: string): string[] {
  // What tells apart the kinds of one union stands in the words only: `Type of the result, must be photo`.
  const fixed = field.name === 'type' ? /must be \W*(\w+)/.exec(field.description)?.[1] : undefined
  if (fixed !== undefined && value !== fixed) return [`${path}: must be "${fixed}"`]
  return nearest(field.types.map((type) => faultsOfType(schema, type, value, path)))
}

function faultsOfType(schema: BotApiSchema, type: string, value: unknown, path: string): string[] {
  const must = (isRight: boolean, what: string) => (isRight ? [] : [`${path}: must be ${what}`])
  if (type.startsWith('Array of ')) {
    if (!Array.isArray(value)) return [`${path}: must be a list`]
    const item = type.slice('Array of '.length)
    return value.flatMap((each: unknown, at) => faultsOfType(schema, item, each, `${path}[${at}]`))
  }
  switch (type) {
    case 'Integer':
      return must(Number.isSafeInteger(value), 'an integer')
    case 'Float':
      return must(typeof value === 'number', 'a number')
    case 'String':
    case 'InputFile': // an upload is written down as `attach://<name>`
      return must(typeof value === 'string', 'a string')
    case 'Boolean':
      return must(typeof value === 'boolean', 'true or false')
    case 'True':
      return must(value === true, 'true')
  }
  const shape = schema.types[type]
  if (!shape) return [`${path}: the schema has no type ${type}`]
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path}: must be an object`]
  if (shape.subtypes) return nearest(shape.subtypes.map((subtype) => faultsOfType(schema, subtype, value, path)))
  return faultsOfFields(schema, shape, value as Record<string, unknown>, path)
}

/** Of several types that a value may have, the one it comes closest to. */
function nearest(faults: string[][]): string[] {
  return faults.reduce((best, next) => (next.length < best.length ? next : best))
}
