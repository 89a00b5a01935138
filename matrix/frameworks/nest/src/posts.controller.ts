import {
  Body,
  Controller,
  Get,
  HttpCode,
  ImATeapotException,
  Param,
  ParseIntPipe,
  Post,
  Req,
  Res,
  StreamableFile,
} from '@nestjs/common'
import type { Request, Response } from 'express'
import { type Post as BlogPost, PostsService } from './posts.service'

@Controller()
export class PostsController {
  constructor(private readonly posts: PostsService) {}

  // A read: answered by the local replica.
  @Get('posts')
  list(): Promise<BlogPost[]> {
    return this.posts.list()
  }

  // A write: its method says so, and the whole request runs in the primary region before this is even called.
  @Post('posts')
  async add(@Body('title') title: string, @Res({ passthrough: true }) response: Response): Promise<BlogPost> {
    const post = await this.posts.add(title)
    response.cookie('last-post', post.id)
    return post
  }

  // A GET that writes: the replica's pool refuses the statement, and the request is run again in the primary region,
  // although the exception filter has made an answer of the error.
  @Get('posts/:id')
  view(@Param('id', ParseIntPipe) id: number): Promise<BlogPost> {
    return this.posts.view(id)
  }

  @Get('report')
  report(): Promise<{ posts: number; views: number }> {
    return this.posts.report()
  }

  // A POST that reads, unless its body says more: then the whole request is run again in the primary region.
  @Post('search')
  @HttpCode(200)
  search(@Body() { text, remember }: { text: string; remember: boolean }): Promise<BlogPost[]> {
    return this.posts.search(text, remember)
  }

  // A stream, made while it is read.
  @Get('live')
  live(): StreamableFile {
    return new StreamableFile(this.posts.live(), { type: 'text/plain' })
  }

  // An upload: over a megabyte Fly Proxy cannot replay it, so it runs here, with a connection to the primary.
  @Post('uploads')
  upload(@Req() request: Request): Promise<{ bytes: number }> {
    return this.posts.upload(request)
  }

  // A handler that makes light of errors: the refusal is remembered all the same.
  @Get('careless')
  async careless(): Promise<{ ok: boolean }> {
    return this.posts.rememberNothing().then(
      () => ({ ok: true }),
      () => ({ ok: false }),
    )
  }

  // Errors of the app's own pass as they are.
  @Get('broken')
  broken(): never {
    throw new Error('Broken')
  }

  @Get('teapot')
  teapot(): never {
    throw new ImATeapotException('I am a teapot.')
  }
}
