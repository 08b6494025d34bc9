import { createContext, type ReactNode, useContext, useState } from 'react'

const Kept = createContext(new Map<string, unknown>())

/** Keeps the state of virtualized parts of a screen while they are not rendered. */
export function Keeping({ children }: { children: ReactNode }) {
  const [kept] = useState(() => new Map<string, unknown>())
  return <Kept value={kept}>{children}</Kept>
}

/** Like `useState`, but the value is kept by name after the component unmounts. */
export function useKept<T>(name: string, initial: T) {
  const kept = useContext(Kept)
  const [value, setValue] = useState<T>(() => (kept.has(name) ? (kept.get(name) as T) : initial))
  const keep = (next: T) => {
    kept.set(name, next)
    setValue(next)
  }
  return [value, keep] as const
}
