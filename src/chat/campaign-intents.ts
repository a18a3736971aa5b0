import {
  askTerm,
  chooseCity,
  draftPage,
  editCampaign,
  newCampaign,
  previewDraft,
  publishNow,
  setTerm,
} from './campaign-draft.ts'
import {
  campaignBy,
  campaignKindsPage,
  campaignList,
  campaignPage,
  campaignProducts,
  endCampaignAsked,
  fillingList,
  fillSeats,
} from './campaigns.ts'
import type { CampaignIntent } from './intent.ts'
import type { Outcome, Visit } from './visit.ts'

/** What a shop's people do with their terms; every operation checks that they are of that shop. */
export async function followCampaign(visit: Visit, intent: CampaignIntent): Promise<Outcome> {
  switch (intent.do) {
    case 'campaigns':
      return campaignList(visit, intent.sellerId, intent.page)
    case 'campaign':
      return campaignPage(visit, intent.campaignId)
    case 'campaign-by':
      return campaignBy(visit, intent.campaignId)
    case 'campaign-edit':
      return editCampaign(visit, intent.campaignId)
    case 'campaign-end':
      return endCampaignAsked(visit, intent.campaignId, intent.isSure === 1)
    case 'campaign-products':
      return campaignProducts(visit, intent.sellerId, intent.page)
    case 'campaign-kinds':
      return campaignKindsPage(visit, intent.productId)
    case 'campaign-new':
      return newCampaign(visit, intent.productId, intent.kind)
    case 'filling':
      return fillingList(visit, intent.sellerId, intent.page)
    case 'fill':
      return fillSeats(visit, intent)
    case 'draft':
      return draftPage(visit, intent.draftId, intent.part)
    case 'draft-ask':
      return askTerm(visit, intent.draftId, intent.term)
    case 'draft-set':
      return setTerm(visit, intent)
    case 'draft-city':
      return chooseCity(visit, intent.draftId, intent.cityCode)
    case 'draft-preview':
      return previewDraft(visit, intent.draftId)
    case 'draft-publish':
      return publishNow(visit, intent.draftId, intent.version)
  }
}
