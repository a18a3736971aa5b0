/** What YooKassa's API accepts in request bodies. Source: https://yookassa.ru/developers/api. */
import { z } from 'zod'

export type Amount = { value: string; currency: string }

/** Answered in YooKassa's error shape. */
export class YookassaError extends Error {
  readonly status: number
  readonly code: string
  readonly parameter: string | undefined
  constructor(status: number, code: string, description: string, parameter?: string) {
    super(description)
    this.status = status
    this.code = code
    this.parameter = parameter
  }
}

/** Payments only ever have two decimals here: Russian shops are paid in rubles. */
const amountSchema = z.object({
  value: z
    .string()
    .regex(/^\d{1,12}(\.\d{1,2})?$/, 'must be a decimal string with at most two decimals')
    .refine((value) => /[1-9]/.test(value), 'must be greater than zero'),
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be a three-letter code'),
})

const metadataSchema = z
  .record(z.string().min(1).max(32), z.string().max(512))
  .refine((metadata) => Object.keys(metadata).length <= 16, 'must have at most 16 keys')

/** The shop writes a quantity as a number or a decimal string, at most three decimals. */
const quantitySchema = z
  .union([z.number(), z.string()])
  .transform(String)
  .pipe(z.string().regex(/^\d{1,5}(\.\d{1,3})?$/, 'must be a number with at most three decimals'))

const receiptItemSchema = z.object({
  description: z.string().min(1).max(128),
  amount: amountSchema,
  vat_code: z.number().int().min(1).max(12),
  quantity: quantitySchema,
  payment_subject: z.string().optional(),
  payment_mode: z
    .enum([
      'full_prepayment',
      'partial_prepayment',
      'advance',
      'full_payment',
      'partial_payment',
      'credit',
      'credit_payment',
    ])
    .optional(),
})

const customerSchema = z
  .object({ phone: z.string().min(1).optional(), email: z.string().min(3).optional() })
  .refine(({ phone, email }) => phone !== undefined || email !== undefined, 'must have a phone or an email')

const receiptSchema = z.object({
  customer: customerSchema.optional(),
  phone: z.string().optional(),
  email: z.string().optional(),
  items: z.array(receiptItemSchema).min(1).max(80),
  tax_system_code: z.number().int().min(1).max(6).optional(),
})

/** Links that a page may offer: a script in one would run in the confirmation page. */
const linkSchema = z
  .string()
  .max(2048)
  .refine((link) => URL.canParse(link) && !/^(javascript|data|vbscript):/i.test(link.trim()), 'must be a URL')

export const createPaymentSchema = z.object({
  amount: amountSchema,
  capture: z.boolean().optional(),
  confirmation: z.object({ type: z.literal('redirect'), return_url: linkSchema }).optional(),
  description: z.string().max(128).optional(),
  metadata: metadataSchema.nullish(),
  receipt: receiptSchema.optional(),
  payment_method_data: z
    .object({ type: z.enum(['bank_card', 'sbp', 'sberbank', 'tinkoff_bank', 'yoo_money']) })
    .optional(),
})

export const captureSchema = z.object({ amount: amountSchema.optional(), receipt: receiptSchema.optional() })

export const createRefundSchema = z.object({
  payment_id: z.string().min(1).max(64),
  amount: amountSchema,
  description: z.string().max(250).optional(),
  metadata: metadataSchema.nullish(),
  receipt: receiptSchema.optional(),
})

export const createReceiptSchema = z.object({
  type: z.enum(['payment', 'refund']),
  payment_id: z.string().optional(),
  refund_id: z.string().optional(),
  customer: customerSchema,
  items: z.array(receiptItemSchema).min(1).max(80),
  settlements: z
    .array(z.object({ type: z.enum(['cashless', 'prepayment', 'postpayment', 'consideration']), amount: amountSchema }))
    .min(1),
  send: z.literal(true),
})

export type CreateReceipt = z.infer<typeof createReceiptSchema>

/** What Telegram hands on from an invoice's `provider_data`. */
export const invoiceDataSchema = z.object({ receipt: receiptSchema.optional() })

/** @throws YookassaError 400 naming the first wrong parameter. */
export function parseRequest<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const parameter = issue?.path.join('.')
  throw new YookassaError(400, 'invalid_request', issue?.message ?? 'Malformed request', parameter || undefined)
}

/** A receipt's lines come to exactly what is paid, or the tax office would not take it. @throws YookassaError 400. */
export function checkReceiptSum(receipt: z.infer<typeof receiptSchema> | undefined, amount: Amount): void {
  if (!receipt) return
  if (!receipt.customer && receipt.phone === undefined && receipt.email === undefined) {
    throw new YookassaError(400, 'invalid_request', 'Receipt needs a phone or an email', 'receipt.customer')
  }
  if (!addsUp(receipt.items, amount)) {
    throw new YookassaError(400, 'invalid_request', 'Receipt items do not add up to the amount', 'receipt.items')
  }
}

/** The same for a receipt made by itself: lines against settlements. @returns what it is for. @throws YookassaError 400. */
export function checkSettlements({ items, settlements }: CreateReceipt): Amount {
  const currency = settlements[0]?.amount.currency ?? ''
  const minor = settlements.reduce((sum, { amount }) => sum + amountToMinor(amount), 0n)
  const total = minorToAmount(minor, currency)
  if (settlements.some(({ amount }) => amount.currency !== currency) || !addsUp(items, total)) {
    throw new YookassaError(400, 'invalid_request', 'Receipt items do not add up to the settlements', 'settlements')
  }
  return total
}

function addsUp(items: CreateReceipt['items'], amount: Amount): boolean {
  const sum = items.reduce((sum, item) => sum + lineSum(item.amount, item.quantity), 0n)
  return sum === amountToMinor(amount) && items.every((item) => item.amount.currency === amount.currency)
}

function lineSum(unit: Amount, quantity: string): bigint {
  const [whole = '0', fraction = ''] = quantity.split('.')
  const thousandths = BigInt(whole + fraction.padEnd(3, '0'))
  return (amountToMinor(unit) * thousandths + 500n) / 1000n
}

/** `'10.5'` → 1050n. Checked by the schema before. */
export function amountToMinor({ value }: Amount): bigint {
  const [whole = '0', fraction = ''] = value.split('.')
  return BigInt(whole + fraction.padEnd(2, '0'))
}

export function minorToAmount(minor: bigint, currency: string): Amount {
  const figures = minor.toString().padStart(3, '0')
  return { value: `${figures.slice(0, -2)}.${figures.slice(-2)}`, currency }
}
