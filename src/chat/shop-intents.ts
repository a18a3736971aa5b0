import { followCampaign } from './campaign-intents.ts'
import { isCatalogueIntent, type CatalogueIntent } from './catalogue-codes.ts'
import { followCatalogue } from './catalogue-intents.ts'
import type { CampaignIntent, ShopMoneyIntent } from './intent.ts'
import {
  askDoorGroups,
  askDoorLimit,
  offer,
  paymentSettingsPage,
  setDoorGroups,
  setNoDoorLimit,
} from './payment-settings.ts'
import {
  answerReturnAsked,
  askOtherAmount,
  refundAmountNow,
  refundLine,
  refundLines,
  refundLinesNow,
  refundMade,
  refundPage,
  refundRest,
} from './refunds.ts'
import { shopMoney, shopMoneyFile } from './shop-money.ts'
import { shopOrder, shopOrderList } from './shop-orders.ts'
import type { Outcome, Visit } from './visit.ts'

/** What a shop's people do with orders, money and terms; every operation checks that they are of that shop. */
export async function followForShop(
  visit: Visit,
  intent: ShopMoneyIntent | CampaignIntent | CatalogueIntent,
): Promise<Outcome> {
  if (isCatalogueIntent(intent)) return followCatalogue(visit, intent)
  switch (intent.do) {
    case 'shop-orders':
      return shopOrderList(visit, intent.sellerId, intent.page)
    case 'shop-order':
      return shopOrder(visit, intent.orderId)
    case 'shop-money':
      return shopMoney(visit, intent.sellerId)
    case 'shop-money-file':
      return shopMoneyFile(visit, intent.sellerId)
    case 'payment-settings':
      return paymentSettingsPage(visit, intent.sellerId)
    case 'offer-method':
      return offer(visit, intent)
    case 'ask-door-groups':
      return askDoorGroups(visit, intent.sellerId)
    case 'door-groups':
      return setDoorGroups(visit, intent.sellerId, intent.isOn === 1)
    case 'door-limit':
      return askDoorLimit(visit, intent.sellerId)
    case 'no-door-limit':
      return setNoDoorLimit(visit, intent.sellerId)
    case 'refund':
      return refundPage(visit, intent.orderId)
    case 'refund-line':
      return refundLine(visit, intent.orderId, intent.lineId)
    case 'refund-lines':
      return refundLines(visit, intent)
    case 'refund-rest':
      return refundRest(visit, intent.orderId)
    case 'refund-other':
      return askOtherAmount(visit, intent.orderId)
    case 'refund-lines-now':
      return refundLinesNow(visit, intent)
    case 'refund-amount-now':
      return refundAmountNow(visit, intent)
    case 'answer-return':
      return answerReturnAsked(visit, intent)
    case 'refund-made':
      return refundMade(visit, intent)
    default:
      return followCampaign(visit, intent)
  }
}
