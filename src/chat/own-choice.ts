/** Buttons for what a leader may still change of a group that is not paid for. */
import type { OwnChoice } from '#shop/group-terms.ts'
import type { Button } from './screen.ts'

/** None where there is nothing to choose. */
export function ownChoiceButtons(orderId: number, choice: OwnChoice | undefined): Button[][] {
  const row: Button[] = []
  if (choice && choice.options.length > 1)
    row.push({ label: { key: 'button.another-option' }, intent: { do: 'own-options', orderId, page: 0 } })
  if (choice && choice.maxUnits > 1)
    row.push({ label: { key: 'button.change-units' }, intent: { do: 'own-units', orderId } })
  return row.length > 0 ? [row] : []
}
