import './toasts.css'
import { lazy, Suspense } from 'react'
import { type Toast, useToasts } from './toasts.ts'

/** Shown if the code of a message cannot be loaded: the frame of all screens must not fail. */
const PlainToast = ({ toast: { text } }: { toast: Toast }) => <div className="toast">{text}</div>

const ToastItem = lazy(() =>
  import('./toast-item.tsx').then(
    (all) => ({ default: all.ToastItem }),
    () => ({ default: PlainToast }),
  ),
)

/** Messages about finished actions, announced to screen readers. */
export function ToastList() {
  const toasts = useToasts()
  return (
    <div className="toasts" role="status" aria-label="Notifications">
      <Suspense>
        {toasts.map((toast) => (
          <ToastItem key={toast.id} toast={toast} />
        ))}
      </Suspense>
    </div>
  )
}
