/** The pretend confirmation page: where a buyer's link leads, with *Pay* and *Decline*. Nothing is fetched from outside. */
import type { Payment } from './money-objects.ts'

type Language = 'ru' | 'en'

const words = {
  ru: {
    title: 'Оплата',
    pretend: 'Это учебная страница оплаты. Деньги не списываются, номер карты вводить не нужно.',
    shop: (id: string) => `Магазин ${id}`,
    hold: 'Сумма будет удержана и списана позже — или возвращена.',
    methods: {
      bank_card: 'Банковская карта',
      sbp: 'Система быстрых платежей (СБП)',
      sberbank: 'SberPay',
      tinkoff_bank: 'T-Pay',
      yoo_money: 'ЮMoney',
    },
    pay: 'Оплатить',
    decline: 'Отказаться',
    paid: 'Оплачено',
    held: 'Деньги удержаны',
    declined: 'Платёж не прошёл',
    already: {
      pending: '',
      waiting_for_capture: 'Этот платёж уже подтверждён, деньги удержаны.',
      succeeded: 'Этот платёж уже оплачен.',
      canceled: 'Этот платёж отменён, оплатить его нельзя.',
    },
    back: 'Вернуться в магазин',
    missing: 'Такого платежа нет',
  },
  en: {
    title: 'Payment',
    pretend: 'This is a pretend payment page. No money moves, and no card number is needed.',
    shop: (id: string) => `Shop ${id}`,
    hold: 'The amount will be held and taken later, or given back.',
    methods: {
      bank_card: 'Bank card',
      sbp: 'Faster Payments System (SBP)',
      sberbank: 'SberPay',
      tinkoff_bank: 'T-Pay',
      yoo_money: 'YooMoney',
    },
    pay: 'Pay',
    decline: 'Decline',
    paid: 'Paid',
    held: 'The money is held',
    declined: 'The payment did not go through',
    already: {
      pending: '',
      waiting_for_capture: 'This payment is already confirmed and the money is held.',
      succeeded: 'This payment has already been paid.',
      canceled: 'This payment was cancelled and can no longer be paid.',
    },
    back: 'Back to the shop',
    missing: 'There is no such payment',
  },
}

/**
 * @param returnUrl where the link back leads, once there is nothing left to decide.
 * @param outcome what the buyer has just done; undefined when they only look.
 */
export function paymentPage(
  payment: Payment,
  returnUrl: string | undefined,
  language: Language,
  outcome: 'paid' | 'declined' | undefined,
): string {
  const word = words[language]
  const amount = new Intl.NumberFormat(language, { style: 'currency', currency: payment.amount.currency }).format(
    payment.amount.value as `${number}`,
  )
  const back = returnUrl === undefined ? '' : `<a class="button plain" href="${escape(returnUrl)}">${word.back}</a>`
  const bill = `<p class="shop">${escape(word.shop(payment.recipient.account_id))}</p>
<p class="amount">${escape(amount)}</p>
<p class="about">${escape(payment.description ?? '')}</p>${methodLine(word.methods)}`
  return page(language, word.title, bill + ((outcome ?? payment.status !== 'pending') ? result() : form()))

  function methodLine(names: Partial<Record<string, string>>): string {
    const type = payment.payment_method?.type
    return type === undefined ? '' : `<p class="method">${escape(names[type] ?? type)}</p>`
  }

  function form(): string {
    return `<form method="post">
<button class="button" name="outcome" value="paid">${word.pay} ${escape(amount)}</button>
<button class="button plain" name="outcome" value="declined">${word.decline}</button>
</form>`
  }

  function result(): string {
    const text =
      outcome === 'declined'
        ? word.declined
        : outcome === 'paid'
          ? payment.status === 'waiting_for_capture'
            ? word.held
            : word.paid
          : word.already[payment.status]
    const mark = outcome === undefined ? 'neutral' : outcome
    const tell =
      outcome === undefined
        ? ''
        : `<script>window.parent.postMessage(${scriptJson({ type: 'yookassa', payment_id: payment.id, outcome })}, '*')</script>`
    return `<p class="result ${mark}" role="status">${escape(text)}</p>${back}${tell}`
  }
}

export function missingPage(language: Language): string {
  const word = words[language]
  return page(language, word.title, `<p class="result neutral">${word.missing}</p>`)
}

function page(language: Language, title: string, content: string): string {
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<main>
<p class="pretend">${words[language].pretend}</p>
${content}
</main>
</body>
</html>
`
}

const style = `
:root { color-scheme: light dark; --ground: #eef1f5; --card: #fff; --ink: #14171c; --faint: #5d6673; --line: #dde2e9;
  --accent: #0b63ce; --on-accent: #fff; --note: #fff4d6; --note-ink: #5b4300; --good: #11733f; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ground: #101317; --card: #1a1e24; --ink: #eef1f5; --faint: #a0a9b6;
  --line: #2c323b; --accent: #7db3ff; --on-accent: #06203f; --note: #3a3012; --note-ink: #ffe4a0; --good: #6fd69c;
  --bad: #ff9a92; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 16px; background: var(--ground);
  color: var(--ink); font: 16px/1.45 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
main { width: 100%; max-width: 400px; padding: 24px; border-radius: 20px; background: var(--card);
  box-shadow: 0 8px 32px rgb(0 0 0 / 10%); }
p { margin: 0; overflow-wrap: anywhere; }
.pretend { margin-bottom: 24px; padding: 10px 14px; border-radius: 12px; background: var(--note); color: var(--note-ink);
  font-size: 14px; }
.shop { color: var(--faint); font-size: 14px; }
.amount { margin: 4px 0; font-size: 34px; font-weight: 700; letter-spacing: -.02em; }
.about { min-height: 1.4em; padding-bottom: 20px; margin-bottom: 20px; border-bottom: 1px solid var(--line); }
.method { margin-bottom: 12px; font-weight: 600; }
.button { display: block; width: 100%; margin-top: 12px; padding: 14px; border: 0; border-radius: 12px;
  background: var(--accent); color: var(--on-accent); font: inherit; font-weight: 600; text-align: center;
  text-decoration: none; cursor: pointer; }
.button.plain { background: transparent; color: var(--accent); box-shadow: inset 0 0 0 1px var(--line); }
.button:hover { filter: brightness(1.06); }
.button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.result { margin-bottom: 16px; font-size: 20px; font-weight: 600; }
.result.paid { color: var(--good); }
.result.declined { color: var(--bad); }
`

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}

/** JSON that cannot end the script element it stands in. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c')
}
