import type { CatalogueIntent } from './catalogue-codes.ts'
import { columnPage, columnsAnew, columnsPage, columnIs, startWithColumns } from './import-columns.ts'
import { importPage } from './import-page.ts'
import { askForCatalogue, cataloguePage, drop, importAgain, importFile, letThemGo } from './imports.ts'
import { fileOwnCategory, ownCategories, ownCategoryPage } from './own-categories.ts'
import { askSynonym, removeSynonymNow, synonymsPage } from './synonyms.ts'
import type { Outcome, Visit } from './visit.ts'

/** What a shop's people do with their catalogue; every operation checks that they are of that shop. */
export async function followCatalogue(visit: Visit, intent: CatalogueIntent): Promise<Outcome> {
  switch (intent.do) {
    case 'catalogue':
      return cataloguePage(visit, intent.sellerId)
    case 'catalogue-send':
      return askForCatalogue(visit, intent.sellerId)
    case 'import':
      return importPage(visit, intent.importId)
    case 'import-again':
      return importAgain(visit, intent.importId)
    case 'import-drop':
      return drop(visit, intent.importId, intent.isSure === 1)
    case 'import-held':
      return letThemGo(visit, intent)
    case 'import-anew':
      return columnsAnew(visit, intent.importId)
    case 'import-file':
      return importFile(visit, intent.importId)
    case 'import-columns':
      return columnsPage(visit, intent.importId, intent.page)
    case 'import-column':
      return columnPage(visit, intent)
    case 'import-column-is':
      return columnIs(visit, intent)
    case 'import-start':
      return startWithColumns(visit, intent.importId)
    case 'synonyms':
      return synonymsPage(visit, intent.sellerId, intent.page)
    case 'synonym-add':
      return askSynonym(visit, intent.sellerId)
    case 'synonym-remove':
      return removeSynonymNow(visit, intent.synonymId, intent.page)
    case 'own-categories':
      return ownCategories(visit, intent.sellerId, intent.page)
    case 'own-category':
      return ownCategoryPage(visit, intent)
    case 'own-category-is':
      return fileOwnCategory(visit, intent)
  }
}
