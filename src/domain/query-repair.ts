/**
 * What people meant who typed something else: with the other keyboard layout, with a letter wrong, glued or cut. All here
 * only proposes; the vocabulary of the catalogue decides.
 */

const latinKeys = "`qwertyuiop[]asdfghjkl;'zxcvbnm,."
const cyrillicKeys = 'ёйцукенгшщзхъфывапролджэячсмитьбю'
/** What the same keys give with Shift, where that is no letter. */
const shifted: Record<string, string> = { '~': '`', '{': '[', '}': ']', ':': ';', '"': "'", '<': ',', '>': '.' }

const toCyrillic = new Map(Array.from(latinKeys, (key, at) => [key, cyrillicKeys[at] ?? key]))
const toLatin = new Map(Array.from(cyrillicKeys, (key, at) => [key, latinKeys[at] ?? key]))

/**
 * The same keys in the other layout, in small letters: ghbdtn → привет, зщцукифтл → powerbank. The keys of х ъ ж э б ю ё
 * are punctuation in Latin. Twice gives back what was typed, as long as that is of one layout.
 */
export function otherLayout(text: string): string {
  const small = Array.from(text.toLowerCase(), (key) => shifted[key] ?? key)
  const map = small.some((key) => toLatin.has(key)) ? toLatin : toCyrillic
  return small.map((key) => map.get(key) ?? key).join('')
}

/** So many letters may be wrong in a word of so many: in short words nearly everything would be near to everything. */
export function maxTypos(length: number): number {
  if (length < 4) return 0
  return length < 8 ? 1 : 2
}

/**
 * Letters to add, leave out, replace or swap with their neighbour, to make one word of the other (Damerau-Levenshtein, each
 * place changed once). @returns `most + 1` for any distance beyond `most`.
 */
export function typosBetween(one: string, other: string, most: number): number {
  const [a, b] = [Array.from(one), Array.from(other)]
  if (Math.abs(a.length - b.length) > most) return most + 1
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const isSame = a[i - 1] === b[j - 1]
      let least = Math.min((row[j - 1] ?? 0) + 1, (last[j] ?? 0) + 1, (last[j - 1] ?? 0) + (isSame ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1)
      row.push(least)
    }
    ;[before, last] = [last, row]
  }
  return Math.min(last[b.length] ?? 0, most + 1)
}

const latin = 'abcdefghijklmnopqrstuvwxyz'
const cyrillic = 'абвгдежзийклмнопрстуфхцчшщъыьэюя'
/** Longer ones are found by what they have in common with others; one wrong letter of many hides little of that. */
const longestEdited = 12

/**
 * All words one typo away, to be looked up at once: in a short word one typo hides most of what a search by similarity
 * goes by (pritner and printer share three of thirteen trigrams). Some 70 for each letter; none for long words.
 */
export function typosOf(word: string): string[] {
  const letters = Array.from(word)
  if (letters.length < 3 || letters.length > longestEdited) return []
  const alphabet = Array.from(/[a-z]/.test(word) ? latin : cyrillic)
  const found = new Set<string>()
  for (let at = 0; at <= letters.length; at += 1) {
    const [head, tail] = [letters.slice(0, at).join(''), letters.slice(at)]
    const [first = '', second = ''] = tail
    const [after, afterNext] = [tail.slice(1).join(''), tail.slice(2).join('')]
    if (first !== '') found.add(head + after)
    if (second !== '') found.add(head + second + first + afterNext)
    for (const letter of alphabet) {
      found.add(head + letter + tail.join(''))
      if (first !== '') found.add(head + letter + after)
    }
  }
  found.delete(word)
  return [...found]
}

/**
 * What was most likely meant, best first: each typo makes a word this much less likely than how often it is used speaks for
 * it, and fewer people mistype the first letter.
 * @param words of the vocabulary, with the number of products that have them.
 */
export function likeliest(
  typed: string,
  words: readonly { word: string; uses: number }[],
): { word: string; typos: number; weight: number }[] {
  const near = new Map<string, { word: string; typos: number; weight: number }>()
  for (const { word, uses } of words) {
    const most = maxTypos(Math.max(typed.length, word.length))
    const typos = typosBetween(typed, word, most)
    if (typos > most || typos === 0) continue
    near.set(word, { word, typos, weight: uses / 100 ** typos / (typed[0] === word[0] ? 1 : 3) })
  }
  return [...near.values()].toSorted((a, b) => b.weight - a.weight || (a.word < b.word ? -1 : 1))
}

/** Two words for one typed without its space, at every place where one could be: harddrive → hard drive. */
export function cutsOf(word: string): [string, string][] {
  const letters = Array.from(word)
  return letters
    .slice(3, -2)
    .map((_, at): [string, string] => [letters.slice(0, at + 3).join(''), letters.slice(at + 3).join('')])
}

/** What the whole trade calls by several names, whoever sells it: in each line the same thing, in the forms of a title. */
const sameThings: readonly (readonly string[])[] = [
  ['laptop', 'notebook', 'ноутбук', 'ноут', '笔记本'],
  ['headphone', 'headset', 'earphone', 'наушник', 'гарнитура', '耳机'],
  ['phone', 'smartphone', 'смартфон', 'телефон', 'мобильник', '手机'],
  ['tv', 'television', 'телевизор', 'телик', '电视'],
  ['computer', 'pc', 'компьютер', 'комп', '电脑'],
  ['speaker', 'loudspeaker', 'колонка', 'динамик', '音箱'],
  ['fridge', 'refrigerator', 'холодильник', '冰箱'],
  ['watch', 'smartwatch', 'часы', '手表'],
  ['kettle', 'teakettle', 'чайник', '水壶'],
  ['mouse', 'мышь', 'мышка', '鼠标'],
  ['keyboard', 'клавиатура', '键盘'],
  ['printer', 'принтер', '打印机'],
  ['monitor', 'монитор', '显示器'],
  ['camera', 'камера', 'фотоаппарат', '相机'],
  ['charger', 'зарядка', '充电器'],
  ['case', 'чехол', '手机壳'],
  ['sneakers', 'trainers', 'кроссовки', '运动鞋'],
  ['sofa', 'couch', 'диван', '沙发'],
  ['vacuum', 'hoover', 'пылесос', '吸尘器'],
  ['stroller', 'pram', 'коляска', '婴儿车'],
  ['diapers', 'nappies', 'подгузники', 'памперсы', '尿布'],
  ['bag', 'сумка', '包'],
  ['backpack', 'rucksack', 'рюкзак', '背包'],
  ['microwave', 'микроволновка', 'свч', '微波炉'],
  ['blender', 'блендер', '搅拌机'],
  ['powerbank', 'павербанк', 'повербанк', '充电宝'],
  ['socks', 'носки', '袜子'],
  ['jeans', 'джинсы', '牛仔裤'],
  ['perfume', 'fragrance', 'духи', 'парфюм', '香水'],
]
const endings = /(?:ами|ями|ов|ев|ей|ам|ям|ах|ях|ом|ем|ой|es|[ыиаяуюеоьs])$/u

/** Rough, and the same on both sides: only these words meet by it. */
function base(word: string): string {
  return word.length > 3 ? word.replace(endings, '') : word
}

const namesByBase = new Map(sameThings.flatMap((names) => names.map((name) => [base(name), names])))

/** Other names of the same thing, without the word itself. */
export function otherNames(word: string): string[] {
  return (namesByBase.get(base(word)) ?? []).filter((name) => base(name) !== base(word))
}
