import './page.css'
import { useSearch } from '@tanstack/react-router'
import { DesignParts } from './parts.tsx'

const schemes = ['light', 'dark'] as const

/** Every part of the design system in both color schemes. Development only. */
export function DesignPage() {
  const { scheme } = useSearch({ strict: false }) as { scheme?: (typeof schemes)[number] }
  if (scheme) return <DesignParts scheme={scheme} />
  return (
    <div className="design-schemes">
      {schemes.map((one) => (
        <iframe key={one} title={`Design, ${one}`} src={`/design?scheme=${one}`} />
      ))}
    </div>
  )
}
