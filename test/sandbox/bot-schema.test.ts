import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { methods } from '#sandbox/schema.ts'

const file = join(process.env['VMESTE_TEST_DATA'] ?? '../shared/data', 'telegram-bot-api-10.1.json')
const isPresent = existsSync(file)
if (!isPresent) process.stderr.write(`SKIPPED: ${file} is absent, so the sandbox's methods are not compared with it\n`)

type Field = { name: string; types: string[]; required?: boolean }

function kindOf(types: string[]): string {
  if (types.every((type) => type.startsWith('Array of'))) return 'list'
  const simple: Record<string, string> = {
    Integer: 'int',
    Float: 'num',
    String: 'str',
    Boolean: 'bool',
    True: 'bool',
    'Integer String': 'chat',
    InputFile: 'file',
    'InputFile String': 'file',
  }
  return simple[types.toSorted().join(' ')] ?? 'obj'
}

test.skipIf(!isPresent)('every declared method has exactly the parameters of the Bot API schema', () => {
  const schema = JSON.parse(readFileSync(file, 'utf8')) as { methods: Record<string, { fields?: Field[] }> }
  expect(methods.size).toBeGreaterThan(40)
  for (const { name, parameters } of methods.values()) {
    const declared = [...parameters.values()].map((it) => `${name}.${it.name} ${it.kind} ${it.required}`)
    const documented = schema.methods[name]?.fields?.map(
      (it) => `${name}.${it.name} ${kindOf(it.types)} ${it.required ?? false}`,
    )
    expect(declared.toSorted()).toEqual((documented ?? []).toSorted())
  }
  expect([...methods.values()].filter(({ name }) => !schema.methods[name])).toEqual([])
})
