/** The page's own words in two languages. What the bot says is never touched. */
import { kept, keep } from './dom.js'

const en = {
  sandbox: 'Sandbox',
  people: 'People',
  addPerson: 'Add person',
  calls: 'Bot calls',
  parcels: 'Parcels',
  themeToDark: 'Dark theme',
  themeToLight: 'Light theme',
  otherLanguage: 'Русский',
  close: 'Close',
  cancel: 'Cancel',
  ok: 'OK',
  add: 'Add',
  create: 'Create',
  back: 'Back to chats',
  backUnread: 'Back to chats, unread: {n}',
  more: 'More',
  hideColumn: 'Hide this person',
  newGroup: 'New group',
  newChannel: 'New channel',
  blockBot: 'Block the bot',
  unblockBot: 'Unblock the bot',
  blockedNote: 'You blocked the bot',
  firstName: 'First name',
  lastName: 'Last name',
  username: 'Username',
  language: 'Language',
  optional: 'optional',
  title: 'Name',
  members: 'Members',
  bot: 'bot',
  group: 'group',
  channel: 'channel',
  memberCount: { one: '{n} member', other: '{n} members' },
  followerCount: { one: '{n} subscriber', other: '{n} subscribers' },
  typing: 'typing',
  sendingPhoto: 'sending a photo',
  start: 'Start',
  botEmptyTitle: 'Nothing here yet',
  botEmptyText: 'Press Start to meet the bot.',
  chatEmptyText: 'Write the first message, or type @{bot} to offer something.',
  chatEmptyPlain: 'Write the first message.',
  channelEmptyText: 'Posts will appear here.',
  noOneTitle: 'Who is chatting?',
  noOneText: 'The sandbox is a pretend messenger. Add people, and each gets a phone of their own.',
  addTwo: 'Add Anna and Boris',
  allHidden: 'Choose a person above to open their chats.',
  message: 'Message',
  messageTo: 'Message {name}',
  post: 'Post to the channel',
  readOnly: 'Only administrators can post here',
  send: 'Send',
  attach: 'Attach',
  photo: 'Photo',
  location: 'Location',
  contact: 'Contact',
  commands: 'Commands',
  showKeyboard: 'Show the bot’s keyboard',
  hideKeyboard: 'Hide the bot’s keyboard',
  reply: 'Reply',
  replyTo: 'Reply to {name}',
  removeReply: 'Do not reply',
  edited: 'edited',
  via: 'via @{bot}',
  forwarded: 'Forwarded from {name}',
  toBottom: 'To the newest message',
  toBottomUnread: 'To the newest message, {n} new',
  earlier: 'Show earlier messages',
  today: 'Today',
  yesterday: 'Yesterday',
  you: 'You',
  noMessages: 'No messages yet',
  copied: 'Copied',
  paymentPage: 'Payment page',
  openPayment: 'Open the payment page',
  payment: 'Payment',
  payAmount: 'Pay {amount}',
  payTest: 'Test card: no real money moves.',
  decline: 'Decline',
  paid: 'Paid',
  paidAmount: 'Paid {amount}',
  declined: 'The payment was declined',
  invoice: 'Invoice',
  chooseChat: 'Choose a chat',
  searchChats: 'Search',
  nothingFound: 'Nothing found',
  noResultsFor: 'Nothing found for “{query}”',
  inlineHint: 'Type what to look for',
  results: 'Results from @{bot}',
  sharePhone: 'Share your phone number with the bot?',
  phone: 'Phone number',
  share: 'Share',
  latitude: 'Latitude',
  longitude: 'Longitude',
  reconnecting: 'The sandbox does not answer. Reconnecting…',
  filter: 'Filter',
  errorsOnly: 'Errors',
  withPolling: 'Polling',
  noCalls: 'The bot has not called yet.',
  noParcels: 'No parcels yet.',
  parcelCreated: 'created',
  parcelReceived: 'accepted',
  parcelOnWay: 'on the way',
  parcelInCity: 'in the city',
  parcelAtPoint: 'at the pickup point',
  parcelDelivered: 'handed over',
  parcelNotDelivered: 'not delivered',
  moved: 'Parcel {number}: {status}',
  params: 'Parameters',
  result: 'Result',
  error: 'Error',
  joined: '{name} joined',
  left: '{name} left',
  chatCreated: 'Chat created',
  pinned: 'Message pinned',
  unsupported: 'This kind of message is not shown here',
  document: 'File',
  failed: 'It did not work: {why}',
  noAnswer: 'The bot did not answer',
  newMessage: '{name}: {text}',
  picture: 'Picture',
  pictureOutside: 'Picture from outside is not loaded',
  unread: { one: '{n} unread', other: '{n} unread' },
  spoiler: 'Hidden text, press to show',
}

/** @type {typeof en} */
const ru = {
  sandbox: 'Песочница',
  people: 'Люди',
  addPerson: 'Добавить человека',
  calls: 'Вызовы бота',
  parcels: 'Посылки',
  themeToDark: 'Тёмная тема',
  themeToLight: 'Светлая тема',
  otherLanguage: 'English',
  close: 'Закрыть',
  cancel: 'Отмена',
  ok: 'ОК',
  add: 'Добавить',
  create: 'Создать',
  back: 'К списку чатов',
  backUnread: 'К списку чатов, непрочитанных: {n}',
  more: 'Ещё',
  hideColumn: 'Скрыть этого человека',
  newGroup: 'Новая группа',
  newChannel: 'Новый канал',
  blockBot: 'Заблокировать бота',
  unblockBot: 'Разблокировать бота',
  blockedNote: 'Вы заблокировали бота',
  firstName: 'Имя',
  lastName: 'Фамилия',
  username: 'Имя пользователя',
  language: 'Язык',
  optional: 'необязательно',
  title: 'Название',
  members: 'Участники',
  bot: 'бот',
  group: 'группа',
  channel: 'канал',
  memberCount: { one: '{n} участник', few: '{n} участника', many: '{n} участников', other: '{n} участника' },
  followerCount: { one: '{n} подписчик', few: '{n} подписчика', many: '{n} подписчиков', other: '{n} подписчика' },
  typing: 'печатает',
  sendingPhoto: 'отправляет фото',
  start: 'Начать',
  botEmptyTitle: 'Здесь пока пусто',
  botEmptyText: 'Нажмите «Начать», чтобы познакомиться с ботом.',
  chatEmptyText: 'Напишите первое сообщение или наберите @{bot}, чтобы что-нибудь предложить.',
  chatEmptyPlain: 'Напишите первое сообщение.',
  channelEmptyText: 'Здесь появятся записи.',
  noOneTitle: 'Кто переписывается?',
  noOneText: 'Песочница изображает мессенджер. Добавьте людей, и у каждого будет свой телефон.',
  addTwo: 'Добавить Анну и Бориса',
  allHidden: 'Выберите человека сверху, чтобы открыть его чаты.',
  message: 'Сообщение',
  messageTo: 'Сообщение: {name}',
  post: 'Запись в канал',
  readOnly: 'Здесь пишут только администраторы',
  send: 'Отправить',
  attach: 'Прикрепить',
  photo: 'Фото',
  location: 'Место',
  contact: 'Контакт',
  commands: 'Команды',
  showKeyboard: 'Показать клавиатуру бота',
  hideKeyboard: 'Скрыть клавиатуру бота',
  reply: 'Ответить',
  replyTo: 'Ответ: {name}',
  removeReply: 'Не отвечать',
  edited: 'изменено',
  via: 'через @{bot}',
  forwarded: 'Переслано от {name}',
  toBottom: 'К последнему сообщению',
  toBottomUnread: 'К последнему сообщению, новых: {n}',
  earlier: 'Показать более ранние',
  today: 'Сегодня',
  yesterday: 'Вчера',
  you: 'Вы',
  noMessages: 'Сообщений пока нет',
  copied: 'Скопировано',
  paymentPage: 'Страница оплаты',
  openPayment: 'Открыть страницу оплаты',
  payment: 'Оплата',
  payAmount: 'Оплатить {amount}',
  payTest: 'Тестовая карта: настоящие деньги не списываются.',
  decline: 'Отклонить',
  paid: 'Оплачено',
  paidAmount: 'Оплачено {amount}',
  declined: 'Платёж отклонён',
  invoice: 'Счёт',
  chooseChat: 'Выберите чат',
  searchChats: 'Поиск',
  nothingFound: 'Ничего не найдено',
  noResultsFor: 'По запросу «{query}» ничего не найдено',
  inlineHint: 'Наберите, что искать',
  results: 'Ответ @{bot}',
  sharePhone: 'Отправить боту ваш номер телефона?',
  phone: 'Номер телефона',
  share: 'Отправить',
  latitude: 'Широта',
  longitude: 'Долгота',
  reconnecting: 'Песочница не отвечает. Соединяемся…',
  filter: 'Фильтр',
  errorsOnly: 'Ошибки',
  withPolling: 'Опрос',
  noCalls: 'Бот ещё ничего не вызывал.',
  noParcels: 'Посылок пока нет.',
  parcelCreated: 'создана',
  parcelReceived: 'принята',
  parcelOnWay: 'в пути',
  parcelInCity: 'в городе',
  parcelAtPoint: 'в пункте выдачи',
  parcelDelivered: 'вручена',
  parcelNotDelivered: 'не вручена',
  moved: 'Посылка {number}: {status}',
  params: 'Параметры',
  result: 'Ответ',
  error: 'Ошибка',
  joined: '{name} теперь в чате',
  left: '{name} больше не в чате',
  chatCreated: 'Чат создан',
  pinned: 'Сообщение закреплено',
  unsupported: 'Такие сообщения здесь не показываются',
  document: 'Файл',
  failed: 'Не получилось: {why}',
  noAnswer: 'Бот не ответил',
  newMessage: '{name}: {text}',
  picture: 'Картинка',
  pictureOutside: 'Картинка извне не загружается',
  unread: { one: '{n} непрочитанное', few: '{n} непрочитанных', many: '{n} непрочитанных', other: '{n} непрочитанных' },
  spoiler: 'Скрытый текст, нажмите, чтобы показать',
}

const languages = { en, ru }
let current = kept('language') ?? (/^(ru|be|uk|kk)\b/i.test(navigator.language) ? 'ru' : 'en')

export const language = () => current

export function setLanguage(next) {
  current = next
  keep('language', next)
}

/** The word in the page's language; `{name}` is replaced by values, a plural is chosen by `n`. */
export function t(key, values = {}) {
  let word = languages[current][key]
  if (typeof word === 'object') word = word[new Intl.PluralRules(current).select(values.n)] ?? word.other
  return word.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''))
}

export const clock = (seconds) =>
  new Intl.DateTimeFormat(current, { hour: '2-digit', minute: '2-digit' }).format(new Date(seconds * 1000))

/** A day for the separators in a chat. */
export function day(seconds) {
  const date = new Date(seconds * 1000)
  const now = new Date()
  const days = Math.round((startOfDay(now) - startOfDay(date)) / 86_400_000)
  if (days === 0) return t('today')
  if (days === 1) return t('yesterday')
  const sameYear = date.getFullYear() === now.getFullYear()
  return new Intl.DateTimeFormat(current, {
    day: 'numeric',
    month: 'long',
    ...(sameYear ? {} : { year: 'numeric' }),
  }).format(date)
}

/** Short stamp for the chat list: a time today, a date before. */
export function stamp(seconds) {
  const date = new Date(seconds * 1000)
  if (startOfDay(date).getTime() === startOfDay(new Date()).getTime()) return clock(seconds)
  return new Intl.DateTimeFormat(current, { day: '2-digit', month: '2-digit' }).format(date)
}

/** `amount` in minor units of `currency`, as Telegram invoices carry it. */
export function price(amount, currency) {
  if (currency === 'XTR') return `${amount} ★`
  const format = new Intl.NumberFormat(current, { style: 'currency', currency, currencyDisplay: 'narrowSymbol' })
  const digits = format.resolvedOptions().maximumFractionDigits
  const value = amount / 10 ** digits
  if (!Number.isInteger(value)) return format.format(value)
  return new Intl.NumberFormat(current, {
    style: 'currency',
    currency,
    currencyDisplay: 'narrowSymbol',
    maximumFractionDigits: 0,
  }).format(value)
}

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate())
}
