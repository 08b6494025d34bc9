import {
  checkStoredName,
  checkStoredText,
  checkStoredValue,
  storageFull,
  storedNamesMax,
} from '../store/files/stored-text-rules.ts'
import type { NamedTexts, SessionStorage, StoredName } from '../store/files/tool-access.ts'

export type FirstTexts = Partial<Record<keyof SessionStorage, Readonly<Record<string, string>>>>

/** Session storage in memory, with the limits and errors of a server. */
export const memoryStorage = ({ values = {}, secrets = {} }: FirstTexts = {}): SessionStorage => ({
  values: textsOf('value', values, checkStoredValue),
  secrets: textsOf('secret', secrets, checkStoredText),
})

function textsOf(
  kind: 'value' | 'secret',
  first: Readonly<Record<string, string>>,
  checkText: (text: string) => void,
): NamedTexts {
  const texts = new Map<string, StoredName & { text: string }>()
  function set(name: string, text: string) {
    checkText(text)
    checkStoredName(name)
    if (!texts.has(name) && texts.size >= storedNamesMax) throw storageFull(kind)
    const updated_at = new Date().toISOString()
    const created_at = texts.get(name)?.created_at ?? updated_at
    texts.set(name, { name, text, created_at, updated_at })
  }
  for (const [name, text] of Object.entries(first)) set(name, text)
  return {
    set: async (name, text) => set(name, text),
    async get(name) {
      checkStoredName(name)
      return texts.get(name)?.text
    },
    async remove(name) {
      checkStoredName(name)
      return texts.delete(name)
    },
    async list() {
      const all = [...texts.values()].map(({ text: _, ...about }) => about)
      return all.sort((one, other) => (one.name < other.name ? -1 : 1))
    },
  }
}
