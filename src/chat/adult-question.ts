import type { Screen } from './screen.ts'

/** @param wanted what is opened once they said yes: a group's page if `groupId` is one. */
export function adultQuestion(wanted: { productId: number; variantId?: number; groupId?: number }): Screen {
  const { productId, variantId = 0, groupId = 0 } = wanted
  return {
    picture: 'brand/categories',
    lines: [{ key: 'adult.ask' }, { key: 'adult.why' }],
    rows: [
      [
        { label: { key: 'button.adult' }, intent: { do: 'adult', productId, variantId, groupId } },
        { label: { key: 'button.not-adult' }, intent: { do: 'not-adult' } },
      ],
    ],
  }
}
