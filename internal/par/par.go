// Package par runs independent work on several goroutines so that the result
// does not depend on how many there are.
//
// Work is cut into pieces whose bounds depend on the size of the work alone,
// never on the number of workers; a sum is formed per piece and the pieces are
// added in order. One worker and eight give the same bytes.
package par

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Workers returns n if it is positive and the number of usable CPUs otherwise.
func Workers(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

// Do calls fn(i) once for each i in [0, n), on at most workers goroutines
// (0: one per CPU). fn must not depend on the order of calls. If a call panics,
// so does Do, after the calls under way have ended.
func Do(workers, n int, fn func(i int)) {
	workers = min(Workers(workers), n)
	if workers <= 1 {
		for i := range n {
			fn(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	var once sync.Once
	var fault any
	for range workers {
		wg.Go(func() {
			defer func() {
				// A panic here would end the program past the caller's recover.
				if r := recover(); r != nil {
					once.Do(func() { fault = r })
					next.Store(int64(n))
				}
			}()
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				fn(i)
			}
		})
	}
	wg.Wait()
	if fault != nil {
		panic(fault)
	}
}

// Ranges cuts [0, n) into pieces of size elements (the last may be shorter)
// and calls fn(lo, hi) once for each, on at most workers goroutines.
func Ranges(workers, n, size int, fn func(lo, hi int)) {
	if size < 1 {
		panic("par: Ranges: size must be positive")
	}
	Do(workers, (n+size-1)/size, func(p int) {
		fn(p*size, min((p+1)*size, n))
	})
}

// Sum adds fn(lo, hi) over the pieces of [0, n) in order, whatever the number
// of workers. It returns 0 if n is 0.
func Sum(workers, n, size int, fn func(lo, hi int) float64) float64 {
	if size < 1 {
		panic("par: Sum: size must be positive")
	}
	part := make([]float64, (n+size-1)/size)
	Ranges(workers, n, size, func(lo, hi int) { part[lo/size] = fn(lo, hi) })
	var s float64
	for _, v := range part {
		s += v
	}
	return s
}
