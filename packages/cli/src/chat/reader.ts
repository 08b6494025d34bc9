import { createInterface, type Interface } from 'node:readline'
import type { Io } from '../core/io.ts'
import { discardTyped } from './typed-ahead.ts'

export type Reader = ReturnType<typeof createReader>

type Handlers = {
  onEntry: (text: string) => void
  /** Ctrl-C on an empty line. */
  onInterrupt: () => void
  /** Ctrl-D, or the terminal is gone. */
  onEnd: () => void
  /** The user is typing: other output must wait. */
  onTyping: (isTyping: boolean) => void
}

/** Additional methods of stdin on a terminal. */
type Raw = Io['stdin'] & { setRawMode?: (isRaw: boolean) => void }

type Key = { name?: string; ctrl?: boolean }

type Question = { prompt: string; isSeen: boolean; answer: (text: string) => void }

const paste = { on: '\x1b[?2004h', off: '\x1b[?2004l' }
const prompt = '› '
const more = '… '
const historyMax = 500

type Reading = {
  stdin: Raw
  output: Io['stdout']
  handlers: Handlers
  rl: Interface
  wanted: string | undefined
  isShown: boolean
  isTyping: boolean
  isPasting: boolean
  isClosed: boolean
  lines: string[]
  question: Question | undefined
  /** The question that the line answers: the one that was on the screen when it was begun. */
  answering: Question | undefined
}

/**
 * Reads typed lines, with a history. A line that ends in `\` and the next one are one entry, as are
 * pasted lines. Without a prompt, the first key shows one.
 */
export function createReader(
  { stdin, output }: { stdin: Raw; output: Io['stdout'] },
  handlers: Handlers,
  history: string[] = [],
) {
  const it = openReading(stdin, output, { handlers, history })
  const { rl } = it
  const keyed = (text: string | undefined, key?: Key) => onKey(it, text, key)
  stdin.prependListener('keypress', keyed)
  rl.on('line', (line) => onLine(it, line))
  rl.on('SIGINT', () => {
    if (it.isTyping && (rl.line !== '' || it.lines.length > 0)) clear(it)
    else handlers.onInterrupt()
  })
  rl.on('close', () => {
    if (!it.isClosed) handlers.onEnd()
  })
  return {
    isAsking: () => it.question !== undefined,
    /** Prompts for an entry, or repeats the current question. */
    show: (text?: string) => show(it, text),
    /** Removes the prompt for other output. The typed text is kept. */
    hide: () => hide(it),
    /** Contract: rejects with the signal's reason. */
    ask: (text: string, signal: AbortSignal, initial?: string) =>
      askQuestion(it, text, signal, initial),
    /** Leaves the terminal to another program for a while. */
    aside<T>(work: () => T): T {
      rl.pause()
      stdin.setRawMode?.(false)
      output.write(paste.off)
      try {
        return work()
      } finally {
        output.write(paste.on)
        stdin.setRawMode?.(true)
        discardTyped(stdin)
        rl.resume()
      }
    },
    close() {
      if (it.isClosed) return
      it.isClosed = true
      if (it.isShown || it.isTyping) output.write('\r\x1b[J')
      output.write(paste.off)
      stdin.off('keypress', keyed)
      rl.close()
    },
  }
}

function openReading(
  stdin: Raw,
  output: Io['stdout'],
  { handlers, history }: { handlers: Handlers; history: string[] },
): Reading {
  const rl = createInterface({
    input: stdin,
    output,
    terminal: true,
    prompt: '',
    history: history.slice(0, historyMax),
    historySize: historyMax,
    removeHistoryDuplicates: true,
    crlfDelay: Infinity,
  })
  output.write(paste.on)
  return {
    stdin,
    output,
    handlers,
    rl,
    wanted: undefined,
    isShown: false,
    isTyping: false,
    isPasting: false,
    isClosed: false,
    lines: [],
    question: undefined,
    answering: undefined,
  }
}

function display(it: Reading, text: string): void {
  if (it.question?.prompt === text) it.question.isSeen = true
  it.rl.setPrompt(text)
  it.rl.prompt()
  it.isShown = true
}

function beginTyping(it: Reading): void {
  if (it.isTyping) return
  it.isTyping = true
  it.answering = it.question?.isSeen ? it.question : undefined
  it.handlers.onTyping(true)
  if (!it.isShown) display(it, it.answering?.prompt ?? prompt)
}

function endTyping(it: Reading): void {
  it.isTyping = false
  it.isShown = false
  it.answering = undefined
  it.lines = []
  it.rl.setPrompt('')
  it.handlers.onTyping(false)
}

function onKey(it: Reading, _text: string | undefined, key: Key = {}): void {
  if (key.name === 'paste-start') it.isPasting = true
  if (key.name === 'paste-end') it.isPasting = false
  if (!key.ctrl || !['c', 'd', 'z'].includes(key.name ?? '')) beginTyping(it)
}

function onLine(it: Reading, line: string): void {
  // At the end of the input readline passes on a line without Enter.
  if (it.stdin.readableEnded) return
  const isContinued = line.endsWith('\\') && !it.answering
  if (it.isPasting || isContinued) {
    it.lines.push(it.isPasting ? line : line.slice(0, -1))
    display(it, more)
    return
  }
  const text = [...it.lines, line].join('\n')
  const asked = text.startsWith('/') ? undefined : it.answering
  endTyping(it)
  if (asked) {
    it.question = undefined
    asked.answer(text)
  } else it.handlers.onEntry(text)
  if (!it.isTyping && !it.isShown && it.wanted !== undefined && !it.isClosed) display(it, it.wanted)
}

function clear(it: Reading): void {
  it.rl.write(null, { ctrl: true, name: 'e' })
  it.rl.write(null, { ctrl: true, name: 'u' })
  it.output.write('\r\x1b[J')
  endTyping(it)
  if (it.wanted !== undefined) display(it, it.wanted)
}

function show(it: Reading, text = it.question?.prompt ?? prompt): void {
  it.wanted = text
  if (!it.isTyping && !it.isClosed) display(it, text)
}

function hide(it: Reading): void {
  it.wanted = undefined
  if (!it.isShown || it.isTyping) return
  it.output.write('\r\x1b[J')
  it.rl.setPrompt('')
  it.isShown = false
}

function askQuestion(
  it: Reading,
  text: string,
  signal: AbortSignal,
  initial?: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      const isAnswered = it.isTyping && it.answering === it.question
      it.question = undefined
      hide(it)
      if (isAnswered && !it.isClosed) clear(it)
      reject(signal.reason)
    }
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    const answer = (given: string) => {
      signal.removeEventListener('abort', stop)
      hide(it)
      resolve(given)
    }
    it.question = { prompt: text, isSeen: false, answer }
    show(it, text)
    if (initial !== undefined && !it.isTyping) {
      beginTyping(it)
      it.rl.write(initial)
    }
  })
}
