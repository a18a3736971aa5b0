import { expect, test } from 'vitest'
import { parseColumnMapping } from '#domain/column-mapping.ts'

test.each([
  ['id=Код,name=Название,price=Цена', { Код: 'id', Название: 'name', Цена: 'price' }],
  // A comma of a header, spaces around, and an equals sign in it.
  ['id=Код, name=Имя,  price=Цена,  руб.', { Код: 'id', Имя: 'name', 'Цена, руб.': 'price' }],
  ['PRICE = Цена=сумма , id=a,name=b', { 'Цена=сумма': 'price', a: 'id', b: 'name' }],
  [
    'id=a,name=b,price=c,param=Цвет,param=Размер,picture=1,picture=2',
    { a: 'id', b: 'name', c: 'price', Цвет: 'param', Размер: 'param', 1: 'picture', 2: 'picture' },
  ],
])('%s is understood', (text, mapping) => {
  expect(parseColumnMapping(text)).toEqual({ ok: true, mapping })
})

test.each([
  ['', '"" is not <field>=<header>'],
  ['Название', '"Название" is not <field>=<header>'],
  ['id=a,name=,price=c', '"name=" is not <field>=<header>'],
  ['id=a,nom=b,price=c', 'there is no field "nom": the fields are id, group_id, name,'],
  ['id=a,name=a,price=c', 'the column "a" stands twice'],
  ['id=a,name=b,price=c,price=d', 'the field "price" stands twice'],
  ['name=b', 'id and price missing'],
])('%s is refused: %s', (text, reason) => {
  expect(parseColumnMapping(text)).toEqual({ ok: false, reason: expect.stringContaining(reason) as string })
})
