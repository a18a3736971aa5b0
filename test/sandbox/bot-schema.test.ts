import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { methods } from '#sandbox/schema.ts'

const file = join(process.env['VMESTE_TEST_DATA'] ?? '../shared/data', 'telegram-bot-api-10.1.json')
const isPresent = existsSync(file)
if (!isPresent) process.stderr.write(`SKIPPED: ${file} is absent, so the sandbox's methods are not compared with it\n`)

type Field = { name: string; types: string[]; required?: boolean }

const kinds: Record<string, string[]> = {
  int: ['Integer'],
  num: ['Float'],
  str: ['String'],
  bool: ['Boolean', 'True'],
  chat: ['Integer', 'String'],
  file: ['InputFile', 'String'],
}

test.skipIf(!isPresent)('every declared method has exactly the parameters of the Bot API schema', () => {
  const schema = JSON.parse(readFileSync(file, 'utf8')) as { methods: Record<string, { fields?: Field[] }> }
  expect(methods.size).toBeGreaterThan(40)
  for (const { name, parameters } of methods.values()) {
    const fields = schema.methods[name]?.fields ?? []
    expect(schema.methods[name], name).toBeDefined()
    expect([...parameters.keys()].sort(), name).toEqual(fields.map((field) => field.name).sort())
    for (const { name: field, types, required = false } of fields) {
      const parameter = parameters.get(field)
      expect(parameter?.required, `${name}.${field}`).toBe(required)
      const kind = parameter?.kind ?? ''
      if (kind === 'list') expect(types.every((type) => type.startsWith('Array of')), `${name}.${field}`).toBe(true)
      else if (kind !== 'obj') expect(kinds[kind], `${name}.${field}: ${types.join()}`).toEqual(expect.arrayContaining(types))
      else expect(types.some((type) => /^(Integer|String|Boolean|Float|Array)/.test(type)), `${name}.${field}`).toBe(false)
    }
  }
})
