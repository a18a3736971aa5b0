/** The keys of all sentences. Russian is the first language; a test compares the others with it. */
import type ru from '../../locales/ru.json'

type Plural = 'zero' | 'one' | 'two' | 'few' | 'many' | 'other'
type Base<K> = K extends `${infer B}_${Plural}` ? B : K

/** A locale key without its plural suffix: a misspelt one does not compile. */
export type Key = Base<keyof typeof ru>
