import { type Actions, redirect } from '@sveltejs/kit'
import type { Post } from '../lib/posts.ts'
import { addPost } from '../lib/posts.ts'

// It asks the app's own API, which runs inside of this request and belongs to it.
export async function load({ fetch }: { fetch: typeof globalThis.fetch }): Promise<{ titles: string[] }> {
  const response = await fetch('/posts')
  const posts: Post[] = await response.json()
  return { titles: posts.map(({ title }) => title) }
}

// An action that ends in a redirect: the token's cookie is with it.
export const actions = {
  default: async ({ request, cookies }) => {
    const form = await request.formData()
    const post = await addPost(String(form.get('title')))
    cookies.set('last-post', String(post.id), { path: '/' })
    redirect(303, '/')
  },
} satisfies Actions
