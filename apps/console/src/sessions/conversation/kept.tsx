import { createContext, type ReactNode, useContext, useState } from 'react'

const Kept = createContext(new Map<string, unknown>())

/** What parts of a screen remember while they are out of sight and therefore not drawn. */
export function Keeping({ children }: { children: ReactNode }) {
  const [kept] = useState(() => new Map<string, unknown>())
  return <Kept value={kept}>{children}</Kept>
}

/** State that is still there when its component comes back under the same name. */
export function useKept<T>(name: string, initial: T) {
  const kept = useContext(Kept)
  const [value, setValue] = useState<T>(() => (kept.has(name) ? (kept.get(name) as T) : initial))
  const keep = (next: T) => {
    kept.set(name, next)
    setValue(next)
  }
  return [value, keep] as const
}
