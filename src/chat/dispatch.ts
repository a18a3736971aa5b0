/** What a messenger room calls: an arrival becomes a visit, an intent reaches its feature, a screen becomes words. */
import { arrive, setReachable, updateHandled, type KnownVisitor } from '#shop/people.ts'
import type { Deps } from '#shop/deps.ts'
import { followCard, forgetCard } from '#shop/live-cards.ts'
import { channelAdded, channelRemoved } from '#shop/sellers.ts'
import { languageFromTag } from '#domain/people.ts'
import { termAnswered } from './campaign-draft.ts'
import { cancelNow, cancelOrder } from './cancel.ts'
import { cardNumberScreen, hasCardNumber } from './card-numbers.ts'
import { categories, category } from './categories.ts'
import { choose } from './choose.ts'
import {
  buyScreen,
  changeDelivery,
  cityAnswered,
  cityChosen,
  nameAnswered,
  phoneAnswered,
  pointChosen,
} from './checkout.ts'
import { askFriendToPay, backFromPaying, friendPage, payForMember } from './friend-pay.ts'
import { steps, type Front, type Step, type Visitor } from './front.ts'
import { groupLinkPage, groupPage, join, joinLinkPage } from './group-buy.ts'
import { groupOptions, groupPicture, joinAs, together, togetherAs } from './group-terms.ts'
import { askSearch, confused, home, languageScreen, setLanguage } from './home.ts'
import { catalogueAnswered, fileUnasked } from './imports.ts'
import { answerInline, inlineChosen } from './inline.ts'
import { actToIntent, tokenToId, type Intent } from './intent.ts'
import { invoiceAsked, invoicePaid } from './invoices.ts'
import type { Answer, MessageRef, Place, Reply } from './messenger.ts'
import { toSubject } from './follow.ts'
import { isKeptIntent } from './kept-codes.ts'
import { followKept } from './kept-intents.ts'
import { story } from './money.ts'
import { orderPage, orders } from './orders.ts'
import { ownAs, ownOptions, ownUnits } from './own-terms.ts'
import { amountAnswered } from './payment-settings.ts'
import { payByMethod, promiseAtDoor, tryPayingAgain, ways } from './paying.ts'
import { product, variants } from './product.ts'
import { answerTyped, leaveQuestion, questionTyped } from './questions.ts'
import { askForReturn, chooseQuantity, chooseReturn } from './returns.ts'
import { isSearchIntent } from './search-codes.ts'
import { followSearch } from './search-intents.ts'
import { results, startSearch } from './search.ts'
import { followForShop } from './shop-intents.ts'
import {
  chooseShopOfChannel,
  fromPost,
  joinByInvitation,
  postPreview,
  productsToPost,
  publish,
  shopPage,
  shops,
} from './sellers.ts'
import { synonymTyped } from './synonyms.ts'
import { say, screenToMessage, type Reader } from './text.ts'
import type { Outcome, Visit } from './visit.ts'
import { leaveLine, wait } from './waiting.ts'

export function createFront(deps: Deps): Front {
  /** What `begin` found out travels with the visitor, not in a table of this process. */
  const known = new WeakMap<Visitor, KnownVisitor>()

  function visitOf(visitor: Visitor): Visit {
    const timeZone = known.get(visitor)?.timeZone ?? 'Europe/Moscow'
    const reader: Reader = { language: visitor.language, timeZone, now: deps.now() }
    const { dialog, city = null, isAdult = false } = known.get(visitor) ?? {}
    return { visitor, reader, asked: dialog?.data ?? {}, city, isAdult, deps }
  }

  function reply(outcome: Outcome, { reader }: Visit): Reply {
    return {
      ...(outcome.screen && { message: screenToMessage(outcome.screen, reader) }),
      ...(outcome.toast && { toast: say(outcome.toast, reader) }),
      ...(outcome.alert !== undefined && { alert: outcome.alert }),
      ...(outcome.asNew !== undefined && { asNew: outcome.asNew }),
      ...(outcome.open !== undefined && { open: outcome.open }),
      ...(outcome.follows && { follows: outcome.follows }),
    }
  }

  return {
    async begin({ sender, updateId, pressed }, opensChat) {
      const who = { ...sender, updateId, opensChat, ...(pressed !== undefined && { pressedRef: pressed }) }
      const person = await arrive(deps.db, who, deps.now())
      if (!person) return { handled: true }
      const step = steps.find((candidate) => candidate === person.dialog?.step) ?? 'none'
      const requestKey = `${sender.messenger}:${updateId}`
      const visitor: Visitor = { personId: person.personId, sender, language: person.language, step, requestKey }
      known.set(visitor, person)
      return { handled: false, visitor }
    },

    async onCommand(visitor, name, payload) {
      const visit = visitOf(visitor)
      if (hasCardNumber(payload)) return reply({ screen: cardNumberScreen() }, visit)
      await leaveQuestion(visit)
      return reply(await command(visit, name, payload), visit)
    },

    async onAnswer(visitor, step, answer) {
      const visit = visitOf(visitor)
      // Before anything else sees it: a card's number is not searched for, not kept and not repeated.
      if (answer.kind === 'text' && hasCardNumber(answer.text)) return reply({ screen: cardNumberScreen() }, visit)
      return reply(await answered(visit, step, answer), visit)
    },

    async onTap(visitor, act, place, ref) {
      const visit = visitOf(visitor)
      const intent = actToIntent(act)
      // Anybody may press a button on a shared card; only joining makes sense there.
      if (place === 'shared' && intent?.do !== 'join') return { open: 'home' }
      // An old or forged button answers with where the person is now.
      await leaveQuestion(visit)
      const outcome = intent
        ? await follow(visit, intent, place, ref)
        : { ...(await home(visit)), toast: 'confused.old-button' as const }
      return reply(outcome, visit)
    },

    async onInline(visitor, query, offset) {
      if (hasCardNumber(query)) return { cards: [], nextOffset: '', personal: true }
      return answerInline(visitOf(visitor), query, offset)
    },

    async onInlineChosen(visitor, cardId, ref) {
      await inlineChosen(visitOf(visitor), cardId, ref)
    },

    async onChannel(visitor, channel, isAdmin) {
      const { messenger } = visitor.sender
      if (!isAdmin) return channelRemoved(deps.db, messenger, channel.externalId, deps.now())
      const { externalId, title, username } = channel
      const found = { messenger, externalId, title, username: username ?? null }
      await channelAdded(deps.db, found, visitor.personId, visitor.requestKey, deps.now())
    },

    async onBlocked(visitor, blocked) {
      await setReachable(deps.db, visitor.sender.messenger, visitor.sender.externalId, !blocked, deps.now())
    },

    async onInvoiceAsked(visitor, invoice) {
      const visit = visitOf(visitor)
      const refusal = await invoiceAsked(visit, invoice)
      return refusal && say(refusal, visit.reader)
    },

    async onInvoicePaid(visitor, invoice, charge) {
      const visit = visitOf(visitor)
      return reply(await invoicePaid(visit, invoice, charge), visit)
    },

    apology(visitor, sender, about) {
      const language = visitor?.language ?? languageFromTag(sender.languageCode)
      const reader: Reader = { language, timeZone: 'Europe/Moscow', now: deps.now() }
      const key = about === 'invoice' ? ('invoice.not-now' as const) : ('confused.defect' as const)
      const screen = {
        lines: [{ key }],
        rows: [[{ label: { key: 'button.home' as const }, intent: { do: 'home' as const } }]],
      }
      return { message: screenToMessage(screen, reader), toast: say(key, reader) }
    },

    async leave(visitor, messageRef) {
      if (known.get(visitor)?.pressedCard)
        await forgetCard(deps.db, { messenger: visitor.sender.messenger, messageRef })
    },

    async follow({ personId, sender, language }, follows, ref) {
      const card = { messenger: sender.messenger, messageRef: ref, language, personId }
      await followCard(deps.db, { ...card, ...toSubject(follows) }, deps.now())
    },

    async finish({ sender, updateId }, left) {
      await updateHandled(deps.db, sender.messenger, updateId, left ?? null, deps.now())
    },
  }
}

async function command(visit: Visit, name: string, payload: string): Promise<Outcome> {
  switch (name) {
    case 'start':
      return payload === '' || payload === 'home' ? home(visit) : startLink(visit, payload)
    case 'search':
      return payload === '' ? askSearch(visit) : startSearch(visit, { query: payload })
    case 'orders':
      return orders(visit)
    case 'language':
      return { screen: languageScreen(visit.reader.language) }
    case 'shop':
      return shops(visit)
    default:
      return { screen: confused('confused.input') }
  }
}

/** `/start payload`: a letter says what the public token after it is. */
async function startLink(visit: Visit, payload: string): Promise<Outcome> {
  const [, kind, token = ''] = /^([a-z])_([A-Za-z0-9_-]{1,60})$/.exec(payload) ?? []
  switch (kind) {
    case 'g':
      return groupLinkPage(visit, token)
    case 'j':
      return joinLinkPage(visit, token)
    case 't':
      return fromPost(visit, token, true)
    case 'o':
      return fromPost(visit, token, false)
    case 'i':
      return product(visit, { productId: tokenToId(token) ?? 0 })
    case 's':
      return joinByInvitation(visit, token)
    case 'b':
      // The way back from the payment page.
      return backFromPaying(visit, token)
    case 'f':
      return friendPage(visit, token)
    default:
      return { screen: confused('confused.link') }
  }
}

async function answered(visit: Visit, step: Step, answer: Answer): Promise<Outcome> {
  switch (step) {
    case 'city':
      return cityAnswered(visit, answer)
    case 'phone':
      return phoneAnswered(visit, answer)
    case 'name':
      return nameAnswered(visit, answer)
    case 'amount':
      return amountAnswered(visit, answer)
    case 'term':
      return termAnswered(visit, answer)
    case 'question':
      return questionTyped(visit, answer)
    case 'answer':
      return answerTyped(visit, answer)
    case 'catalogue':
      return catalogueAnswered(visit, answer)
    case 'synonym':
      return synonymTyped(visit, answer)
    case 'search':
    case 'none':
      if (answer.kind === 'file') return fileUnasked(visit, answer)
      return answer.kind === 'text' && answer.text.trim() !== ''
        ? startSearch(visit, { query: answer.text })
        : { screen: confused('confused.input') }
  }
}

async function follow(visit: Visit, intent: Intent, place: Place, ref: MessageRef): Promise<Outcome> {
  if (isSearchIntent(intent)) return followSearch(visit, intent)
  if (isKeptIntent(intent)) return followKept(visit, intent)
  switch (intent.do) {
    case 'home':
      return home(visit)
    case 'ask-search':
      return askSearch(visit)
    case 'categories':
      return categories(visit)
    case 'category':
      return category(visit, intent.categoryId)
    case 'results':
      return results(visit, intent.searchId, intent.page)
    case 'product':
      return product(visit, intent)
    case 'variant':
      return product(visit, intent)
    case 'variants':
      return variants(visit, intent.productId, intent.page)
    case 'buy-alone':
      return buyScreen(visit, { kind: 'alone', variantId: intent.variantId })
    case 'buy-together':
      return together(visit, { variantId: intent.variantId })
    case 'again':
      return together(visit, { variantId: intent.variantId, formerId: intent.groupId })
    case 'together-as':
      return togetherAs(visit, intent)
    case 'join-as':
      return joinAs(visit, intent)
    case 'group-options':
      return groupOptions(visit, intent.groupId, intent.page)
    case 'own-options':
      return ownOptions(visit, intent.orderId, intent.page)
    case 'own-units':
      return ownUnits(visit, intent.orderId)
    case 'own-as':
      return ownAs(visit, intent)
    case 'group-picture':
      return groupPicture(visit, intent.groupId)
    case 'pay-for':
      return payForMember(visit, intent.seatId)
    case 'friend-pay':
      return friendPage(visit, intent.token)
    case 'ask-friend':
      return askFriendToPay(visit, intent.orderId)
    case 'join':
      return join(visit, intent.groupId, place, ref)
    case 'group':
      return groupPage(visit, intent.groupId)
    case 'wait':
      return wait(visit, intent.groupId)
    case 'leave-line':
      return leaveLine(visit, intent.groupId)
    case 'city':
      return cityChosen(visit, intent.cityCode)
    case 'point':
      return pointChosen(visit, intent.pointCode)
    case 'change-delivery':
      return changeDelivery(visit, intent.orderId)
    case 'orders':
      return orders(visit)
    case 'order':
      return orderPage(visit, intent.orderId)
    case 'pay-again':
      return tryPayingAgain(visit, intent.orderId)
    case 'cancel-order':
      return cancelOrder(visit, intent.orderId)
    case 'cancel-paid':
      return cancelNow(visit, intent.orderId, true)
    case 'choose-group':
      return choose(visit, intent.orderId, { kind: 'group', groupId: intent.groupId })
    case 'choose-own':
      return choose(visit, intent.orderId, { kind: 'own-group' })
    case 'choose-back':
      return choose(visit, intent.orderId, { kind: 'money-back' })
    case 'ways':
      return ways(visit, intent.orderId)
    case 'pay-by':
      return payByMethod(visit, intent.orderId, intent.method)
    case 'promise':
      return promiseAtDoor(visit, intent.orderId)
    case 'story':
      return story(visit, intent.orderId)
    case 'return':
      return chooseReturn(visit, intent.orderId)
    case 'return-line':
      return chooseQuantity(visit, intent.orderId, intent.lineId)
    case 'ask-return':
      return askForReturn(visit, intent)
    case 'language':
      return { screen: languageScreen(visit.reader.language) }
    case 'set-language':
      return setLanguage(visit, intent.language)
    case 'shops':
      return shops(visit)
    case 'shop':
      return shopPage(visit, intent.sellerId)
    case 'shop-products':
      return productsToPost(visit, intent.sellerId, intent.page)
    case 'post-offer':
      return postPreview(visit, intent.productId)
    case 'publish':
      return publish(visit, intent)
    case 'give-channel':
      return chooseShopOfChannel(visit, intent.channelId, intent.sellerId)
    default:
      return followForShop(visit, intent)
  }
}
