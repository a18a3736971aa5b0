/** Questions to a shop about a product: asking, answering, and what others asked. */
import { isShown } from '#domain/adult.ts'
import { openQuestionsMax, parseSaid, saidMax } from '#domain/questions.ts'
import { wordsIn } from '#domain/people.ts'
import { productById } from '#shop/catalog.ts'
import type { Deps } from '#shop/deps.ts'
import type { Notice } from '#shop/notifications.ts'
import { ask, isShownTo, stopAsking } from '#shop/people.ts'
import {
  answeredAbout,
  answerQuestion,
  askShop,
  ownQuestion,
  questionForShop,
  unansweredOf,
  type QuestionRow,
} from '#shop/questions.ts'
import { adultQuestion } from './adult-question.ts'
import { confused, homeButton, notFound } from './home.ts'
import type { Answer } from './messenger.ts'
import { pagingRow } from './paging.ts'
import type { Button, Line, Param, Screen } from './screen.ts'
import { shorten } from './text.ts'
import type { Outcome, Visit } from './visit.ts'

/** With both texts shortened to what is still a text, they fit a message. */
const perPage = 3
const shownMax = 550

const productButton = (productId: number): Button => ({
  label: { key: 'button.product' },
  intent: { do: 'product', productId },
})
const listButton = (sellerId: number): Button => ({
  label: { key: 'button.shop-questions' },
  intent: { do: 'shop-questions', sellerId, page: 0 },
})

/** Whatever else they do now: what they type next is not meant for a shop or a buyer any more. */
export async function leaveQuestion({ deps, visitor }: Visit): Promise<void> {
  if (!['question', 'answer', 'catalogue', 'synonym'].includes(visitor.step)) return
  await stopAsking(deps.db, visitor.personId, visitor.sender.messenger)
}

export async function askQuestion(visit: Visit, productId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const product = await productById(deps.db, productId, deps.now())
  if (!product || product.withdrawn) return notFound()
  if (!isShown(product, visit)) return { screen: adultQuestion({ productId }) }
  await ask(deps.db, visitor.personId, visitor.sender.messenger, 'question', { productId }, deps.now())
  const params = { title: { words: product.title }, shop: product.sellerName }
  return { screen: { lines: [{ key: 'question.ask', params }], rows: [[productButton(productId)], [homeButton]] } }
}

export async function questionTyped(visit: Visit, answer: Answer): Promise<Outcome> {
  const { deps, visitor } = visit
  const { productId } = visit.asked
  if (typeof productId !== 'number') return lost(visit)
  const said = saidIn(answer)
  if ('key' in said) return { screen: { lines: [said], rows: [[productButton(productId)], [homeButton]] } }
  const { requestKey, personId } = visitor
  const result = await askShop(deps.db, { productId, personId, text: said.text, requestKey, now: deps.now() })
  await leaveQuestion(visit)
  if (!result.ok && result.reason === 'not-found') return notFound()
  const line: Line = result.ok
    ? { key: 'question.sent' }
    : { key: 'refusal.too-many-questions', params: { count: openQuestionsMax } }
  return { screen: { lines: [line], rows: [[productButton(productId)], [homeButton]] } }
}

/** What was typed, or what is wrong with it. */
function saidIn(
  answer: Answer,
): { text: string } | { key: 'question.unclear' | 'question.too-long'; params: { most: number; count: number } } {
  const said = parseSaid(answer.kind === 'text' ? answer.text : '')
  if (said.ok) return said
  const key = said.reason === 'too-long' ? 'question.too-long' : 'question.unclear'
  return { key, params: { most: saidMax, count: said.length } }
}

async function lost(visit: Visit): Promise<Outcome> {
  await leaveQuestion(visit)
  return { screen: confused('confused.input') }
}

/** What others asked and were answered; nobody's name is shown. */
export async function questionsPage(visit: Visit, productId: number, page: number): Promise<Outcome> {
  const { deps, reader } = visit
  const found = await answeredAbout(deps.db, productId, { offset: page * perPage, limit: perPage }, deps.now())
  if (!found) return notFound()
  if (!isShown(found, visit)) return { screen: adultQuestion({ productId }) }
  if (page > 0 && found.questions.length === 0) return { screen: confused('confused.button') }
  const lines: Line[] = [
    {
      key: 'questions.title',
      params: { title: shorten(wordsIn(found.title, reader.language), 120), total: found.total },
    },
  ]
  for (const { text, answer } of found.questions) {
    lines.push(
      { gap: true },
      { key: 'questions.asked', params: { text: shorten(text, shownMax) } },
      { key: 'questions.answered', params: { shop: shorten(found.sellerName, 60), text: shorten(answer, shownMax) } },
    )
  }
  const paging = pagingRow(page, (page + 1) * perPage < found.total, (to) => ({ do: 'questions', productId, page: to }))
  const another: Button = { label: { key: 'button.ask-another' }, intent: { do: 'ask-question', productId } }
  return { screen: { lines, rows: [paging, [another], [productButton(productId), homeButton]] } }
}

export async function shopQuestions(visit: Visit, sellerId: number, page: number): Promise<Outcome> {
  const { deps, visitor, reader } = visit
  const slice = { offset: page * 5, limit: 5 }
  const found = await unansweredOf(deps.db, sellerId, visitor.personId, slice)
  if (!found) return notFound()
  const shop: Button = { label: { key: 'button.my-shop' }, intent: { do: 'shop', sellerId } }
  if (found.questions.length === 0 && page > 0) return shopQuestions(visit, sellerId, 0)
  if (found.questions.length === 0)
    return { screen: { lines: [{ key: 'shop-questions.none' }], rows: [[shop, homeButton]] } }
  const place = { from: slice.offset + 1, to: slice.offset + found.questions.length, total: found.total }
  const lines: Line[] = [{ key: 'shop-questions.title', params: place }]
  for (const { askerName, title, text, askedAt } of found.questions) {
    const about = shorten(wordsIn(title, reader.language), 80)
    const params = { name: shorten(askerName, 40), title: about, at: { at: askedAt }, text: shorten(text, 400) }
    lines.push({ gap: true }, { key: 'shop-questions.line', params })
  }
  const rows = found.questions.map(({ questionId, askerName, text }): Button[] => {
    const label = { key: 'button.answer-to', params: { name: shorten(askerName, 15), text } } as const
    return [{ label, intent: { do: 'answer-question', questionId } }]
  })
  const isMore = slice.offset + 5 < found.total
  const paging = pagingRow(page, isMore, (to) => ({ do: 'shop-questions', sellerId, page: to }))
  return { screen: { lines, rows: [...rows, paging, [shop, homeButton]] } }
}

export async function askAnswer({ deps, visitor }: Visit, questionId: number): Promise<Outcome> {
  const question = await questionForShop(deps.db, questionId, visitor.personId)
  if (!question) return notFound()
  if (question.answer !== null) return { screen: answeredScreen(question) }
  await ask(deps.db, visitor.personId, visitor.sender.messenger, 'answer', { questionId }, deps.now())
  const lines: Line[] = [...askedLines(question), { gap: true }, { key: 'question.ask-answer' }]
  return { screen: { lines, rows: [[listButton(question.sellerId)], [homeButton]] } }
}

export async function answerTyped(visit: Visit, answer: Answer): Promise<Outcome> {
  const { deps, visitor } = visit
  const { questionId } = visit.asked
  if (typeof questionId !== 'number') return lost(visit)
  const said = saidIn(answer)
  if ('key' in said) {
    const again: Button = { label: { key: 'button.back' }, intent: { do: 'answer-question', questionId } }
    return { screen: { lines: [said], rows: [[again], [homeButton]] } }
  }
  const { personId } = visitor
  const result = await answerQuestion(deps.db, { questionId, personId, text: said.text, now: deps.now() })
  await leaveQuestion(visit)
  if (!result.ok && result.reason === 'not-found') return notFound()
  if (!result.ok) return { screen: answeredScreen(result.question) }
  const { askerName: name, sellerId } = result.question
  const rows = [[listButton(sellerId)], [homeButton]]
  return { screen: { lines: [{ key: 'question.answer-sent', params: { name } }], rows } }
}

/** Somebody of the shop was first: who, and what they said. */
function answeredScreen({ answererName, answer, sellerId }: QuestionRow): Screen {
  const text = answer ?? ''
  const line: Line =
    answererName === null
      ? { key: 'question.answered', params: { text } }
      : { key: 'question.answered-by', params: { name: answererName, text } }
  return { lines: [line], rows: [[listButton(sellerId)], [homeButton]] }
}

function askedLines({ askerName, title, text }: QuestionRow): Line[] {
  return [{ key: 'question.asked', params: { name: askerName, title: { words: title } } }, { gap: true }, { raw: text }]
}

/**
 * To the shop's people, that somebody asks; to who asked, what they were answered. First names are all that either sees.
 * @returns undefined when it was answered meanwhile, or is not this person's to know any more.
 */
export async function questionNotice(
  notice: Extract<Notice, { kind: 'question-asked' | 'question-answered' }>,
  personId: number,
  deps: Deps,
): Promise<{ screen: Screen } | undefined> {
  const { questionId } = notice.data
  if (notice.kind === 'question-asked') {
    const question = await questionForShop(deps.db, questionId, personId)
    if (!question || question.answer !== null) return undefined
    const reply: Button = { label: { key: 'button.answer' }, intent: { do: 'answer-question', questionId } }
    return { screen: { lines: askedLines(question), rows: [[reply], [listButton(question.sellerId), homeButton]] } }
  }
  const question = await ownQuestion(deps.db, questionId, personId)
  if (!question || question.answer === null) return undefined
  const { productId, title, sellerName: shop, answererName, text, answer } = question
  const isSaid = await isShownTo(deps.db, personId, question)
  const about: Param = isSaid ? { words: title } : { key: 'adult.goods' }
  const params = { shop, title: about, ...(answererName !== null && { name: answererName }) }
  const lines: Line[] = [
    { key: answererName === null ? 'notice.question-answered' : 'notice.question-answered-by', params },
  ]
  const rows: Button[][] = [[productButton(productId)], [homeButton]]
  // What was answered stands on the product's page once they said that they are eighteen.
  if (!isSaid) return { screen: { lines, rows } }
  lines.push(
    { gap: true },
    // Both of a thousand emoji would not fit.
    { key: 'questions.asked', params: { text: shorten(text, 1500) } },
    { gap: true },
    { raw: answer },
  )
  return { screen: { lines, rows } }
}
