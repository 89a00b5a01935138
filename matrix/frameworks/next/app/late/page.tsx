import { type ReactNode, Suspense } from 'react'
import { addPost } from '../../lib/posts'

export const dynamic = 'force-dynamic'

// What is written behind the first byte cannot be replayed any more: it runs here, with a connection to the primary.
export default function Page(): ReactNode {
  return (
    <Suspense fallback={<p>One moment…</p>}>
      <Late />
    </Suspense>
  )
}

async function Late(): Promise<ReactNode> {
  await new Promise((resolve) => setTimeout(resolve, 100))
  return <p>Wrote {(await addPost('Late')).title}</p>
}
