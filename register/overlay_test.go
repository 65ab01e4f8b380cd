package register

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"testing"

	"phasl/voxel"
)

// overlay: rows: fixed, moving resampled, edges of moving in red upon fixed.
func overlay(tb testing.TB, path string, f, m *voxel.Image, t voxel.Affine) {
	fv := newVolume(f, nil, 0, 0, 0)
	mv := newVolume(m, nil, 2.5, 2.5, 0)
	const px, n = 1.5, 150
	lo, hi := limits(f.Data, 0.01, 0.995)
	mlo, mhi := limits(m.Data, 0.01, 0.995)
	h := newHead(f, nil, 0)
	out := image.NewRGBA(image.Rect(0, 0, 6*n, 3*n))
	get := func(v *volume, p voxel.Vec) float32 { return v.at(v.inv.Map(p)) }
	g := func(v, lo, hi float32) uint8 {
		if v != v {
			return 60
		}
		return uint8(255 * min(max((v-lo)/(hi-lo), 0), 1))
	}
	for view := range 6 {
		for j := range n {
			for i := range n {
				a, b := (float64(i)-n/2)*px, (float64(n/2-j))*px
				p := h.mass
				switch view {
				case 0:
					p[0] += a
					p[1] += b
				case 1:
					p[0] += a
					p[1] += b
					p[2] += 25
				case 2:
					p[0] += a
					p[2] += b
				case 3:
					p[0] += a
					p[2] += b
					p[1] += 30
				case 4:
					p[1] += a
					p[2] += b
				case 5:
					p[1] += a
					p[2] += b
					p[0] += 30
				}
				x := g(get(fv, p), lo, hi)
				q := t.Map(p)
				w := get(mv, q)
				y := g(w, mlo, mhi)
				out.Set(view*n+i, j, color.RGBA{x, x, x, 255})
				out.Set(view*n+i, n+j, color.RGBA{y, y, y, 255})
				var e float32
				for ax := range 3 {
					r := q
					r[ax] += 1.5
					d := get(mv, r) - w
					e += d * d
				}
				if e > (mhi-mlo)*(mhi-mlo)*0.03 {
					out.Set(view*n+i, 2*n+j, color.RGBA{255, x / 2, x / 2, 255})
				} else {
					out.Set(view*n+i, 2*n+j, color.RGBA{x, x, x, 255})
				}
			}
		}
	}
	w, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer w.Close()
	if err := png.Encode(w, out); err != nil {
		tb.Fatal(err)
	}
}
