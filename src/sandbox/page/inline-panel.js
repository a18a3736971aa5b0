/** Results of `@bot words` above the composer: asks after a pause in typing, pages on scrolling. */
import { api } from './api.js'
import { firstLetter, h, icon, pictureUrl } from './dom.js'
import { isBotChat, world } from './world.js'
import { t } from './words.js'

const pauseMs = 220

/** Returns `{element, ask(query), close(), isOpen(), focusFirst(last?)}`. */
export function inlinePanel({ column, chatId, back, onChosen }) {
  const { personId } = column
  let turn = 0
  let timer
  let asked
  let nextOffset = ''
  let loading = false
  let choosing = false

  const head = h('p', { class: 'inline-head' })
  const list = h('div', { class: 'inline-list', role: 'list', onscroll: () => more() })
  const bar = h('div', { class: 'inline-bar', 'aria-hidden': 'true' })
  const element = h(
    'section',
    { class: 'inline-panel', hidden: true, data: { testid: 'inline-panel' }, onkeydown: onKey },
    bar,
    head,
    list,
  )

  function ask(query) {
    if (asked === query) return
    asked = query
    turn++
    clearTimeout(timer)
    element.hidden = false
    head.textContent = t('results', { bot: world.bot.username ?? '' })
    setLoading(true)
    timer = setTimeout(() => void fetchPage(query, '', turn), pauseMs)
  }

  async function fetchPage(query, offset, mine) {
    setLoading(true)
    try {
      const answer = await api.inline({ from: personId, query, offset, chat_type: chatType() })
      if (mine !== turn) return
      nextOffset = answer.next_offset ?? ''
      const items = (answer.results ?? []).map((result) => item(result, query))
      if (offset === '') {
        list.replaceChildren(...[answer.button ? startButton(answer.button) : undefined].filter(Boolean), ...items)
        list.scrollTop = 0
      } else list.append(...items)
      if (list.childElementCount === 0) list.append(note(query === '' ? t('inlineHint') : t('noResultsFor', { query })))
    } catch (error) {
      if (mine !== turn) return
      nextOffset = ''
      if (offset === '') list.replaceChildren(note(t('failed', { why: error.message })))
    } finally {
      if (mine === turn) {
        setLoading(false)
        // A first page shorter than the panel cannot be scrolled, so the next one is fetched at once.
        if (nextOffset !== '' && list.scrollHeight <= list.clientHeight + 40) more()
      }
    }
  }

  function more() {
    if (loading || nextOffset === '' || element.hidden) return
    if (list.scrollTop + list.clientHeight < list.scrollHeight - 160) return
    const offset = nextOffset
    nextOffset = ''
    void fetchPage(asked, offset, turn)
  }

  function chatType() {
    if (isBotChat(chatId, personId)) return 'sender'
    return world.chats.get(chatId)?.type ?? 'private'
  }

  function setLoading(on) {
    loading = on
    bar.classList.toggle('running', on)
    element.setAttribute('aria-busy', String(on))
    if (on && list.childElementCount === 0) {
      list.append(
        ...[0, 1, 2].map(() => h('div', { class: 'inline-ghost', 'aria-hidden': 'true' }, h('span'), h('span'))),
      )
    }
  }

  function item(result, query) {
    const title = result.title ?? result.caption ?? result.input_message_content?.message_text ?? result.id
    const src = pictureUrl(result.thumbnail_url ?? result.thumb_url ?? result.photo_url)
    const picture = src
      ? h('img', { src, alt: '', loading: 'lazy', decoding: 'async' })
      : h('span', { class: 'inline-letter' }, firstLetter(title) ?? icon('search', 20))
    return h(
      'button',
      {
        type: 'button',
        class: 'inline-result',
        data: { testid: 'inline-result', result: result.id },
        onclick: () => void choose(result, query),
      },
      h('span', { class: 'inline-picture' }, picture),
      h(
        'span',
        { class: 'inline-text' },
        h('b', { dir: 'auto' }, title),
        h('span', { dir: 'auto' }, result.description ?? (result.title ? (result.caption ?? '') : '')),
      ),
    )
  }

  const startButton = (button) =>
    h(
      'button',
      {
        type: 'button',
        class: 'inline-start',
        onclick: () => column.openUrl(`https://t.me/${world.bot.username}?start=${button.start_parameter ?? ''}`),
      },
      button.text,
    )

  const note = (text) => h('p', { class: 'inline-note', role: 'status' }, text)

  async function choose(result, query) {
    if (choosing) return
    choosing = true
    try {
      await api.choose({ from: personId, chat: chatId, query, result_id: result.id })
      close()
      onChosen()
      back()
    } catch (error) {
      column.toast(t('failed', { why: error.message }))
    } finally {
      choosing = false
    }
  }

  function onKey(event) {
    const items = [...list.querySelectorAll('button')]
    const at = items.indexOf(document.activeElement)
    if (event.key === 'ArrowDown' && at >= 0) {
      event.preventDefault()
      ;(items[at + 1] ?? items[at]).focus()
    } else if (event.key === 'ArrowUp' && at >= 0) {
      event.preventDefault()
      if (at === 0) back()
      else items[at - 1].focus()
    } else if (event.key === 'Escape') {
      event.stopPropagation()
      close()
      back()
    }
  }

  function close() {
    turn++
    clearTimeout(timer)
    asked = undefined
    nextOffset = ''
    element.hidden = true
    list.replaceChildren()
  }

  return {
    element,
    ask,
    close,
    isOpen: () => !element.hidden,
    focusFirst: (last = false) => {
      const items = list.querySelectorAll('button')
      ;(last ? items[items.length - 1] : items[0])?.focus()
    },
  }
}
