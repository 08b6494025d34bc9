import { useParams } from '@tanstack/react-router'

export function SessionScreen() {
  const { sessionId } = useParams({ from: '/sessions/$sessionId' })
  return <div className="screen">{sessionId}</div>
}
