package nifti

import (
	"compress/gzip"
	"errors"
	"io"

	"phasl/diag"
	"phasl/voxel"
)

const (
	block     = 1 << 16 // bytes converted at a time: they stay in cache
	readAhead = 4       // blocks read before they are converted
	maxTail   = 1 << 26 // bytes after the last voxel that are read to reach the checksum
	firstAsk  = 1 << 20 // voxels that may be allocated on the word of a header alone
)

// A Reader reads an image volume by volume. It is not safe for concurrent use.
type Reader struct {
	Header *Header

	src    *source
	conv   converter
	voxels int         // per volume
	left   int         // volumes not yet read
	free   chan []byte // blocks to be filled
	made   int         // how many blocks there are
	err    error
}

// Open reads and checks the header of the image at path, of which it may be
// either file if it is a pair, and checks that the file can hold the voxels.
// The error is a [diag.List] with every fault of the header. The caller must
// close the reader.
func Open(path string) (*Reader, error) {
	var list diag.List
	r := open(path, &list)
	if err := list.Err(); err != nil {
		if r != nil {
			r.Close()
		}
		return nil, err
	}
	r.Header.Warnings = list
	return r, nil
}

func open(path string, list *diag.List) *Reader {
	headers, images, pair := pairOf(path)
	first := path
	if pair {
		first = firstThere(headers)
	}
	src := openSource(first, list)
	if src == nil {
		return nil
	}
	raw := readRaw(src, pair, list)
	if raw == nil {
		src.Close()
		return nil
	}
	if !raw.single() {
		src.Close()
		if !pair {
			list.Errorf(path, "magic", "rename the header to .hdr and put the .img beside it, or convert the original images again",
				"%q: the voxels are in a separate .img file, but the name is not that of a pair", raw.magic)
			return nil
		}
		image := firstThere(images)
		if src = openSource(image, list); src == nil && image != path {
			last := (*list)[len(*list)-1]
			last.Fix = "put the file with the voxels beside the header " + first + "; " + last.Fix
		}
	}
	h := raw.header(first, list)
	h.File = path
	if src == nil {
		return nil
	}
	return newReader(h, src, list)
}

// readRaw reads a header from the start of src; nil if it cannot.
func readRaw(src *source, pair bool, list *diag.List) *raw {
	buf := make([]byte, offset2)
	n := 0
	for _, end := range []int{size1, offset1, size2, offset2} {
		if end > offset1 { // only NIfTI-2 goes on
			if version, _, ok := sniff(buf, pair); !ok || version != 2 {
				break
			}
		}
		m, err := io.ReadFull(src, buf[n:end])
		n += m
		if err == io.EOF || err == io.ErrUnexpectedEOF && (!src.gz || src.ended()) {
			break // parse knows what is missing
		}
		if err != nil {
			list.Add(src.readProblem(err))
			return nil
		}
	}
	return parse(buf[:n], src.name, pair, list)
}

// newReader checks size against claim and moves to the first voxel. Faults go
// to list; the source is closed if the result is nil.
func newReader(h *Header, src *source, list *diag.List) *Reader {
	if list.Err() == nil {
		checkSize(h, src, list)
	}
	if list.Err() != nil {
		src.Close()
		return nil
	}
	if err := src.skip(h.VoxOffset - src.done); err != nil {
		list.Add(src.readProblem(err))
		src.Close()
		return nil
	}
	return &Reader{Header: h, src: src, conv: newConverter(h), voxels: h.Grid().Len(), left: h.Volumes(),
		free: make(chan []byte, readAhead)}
}

// checkSize compares what the header promises with the bytes there are.
func checkSize(h *Header, src *source, list *diag.List) {
	if src.size < 0 {
		return
	}
	end := h.VoxOffset + int64(h.Grid().Len())*int64(h.Volumes())*int64(h.Datatype.Bytes())
	have := src.size
	if src.gz {
		have = maxExpansion * src.size
	}
	const fix = "copy or download the file again; if it stays so, the header is wrong"
	switch {
	case h.VoxOffset > have:
		list.Errorf(src.name, "vox_offset", fix, "%d is past the end of the file (%d bytes)", h.VoxOffset, src.size)
	case end > have && src.gz:
		list.Errorf(src.name, "dim", fix, "%d compressed bytes cannot hold the %d bytes that the header promises (%s, %s)",
			src.size, end, shapeText(h.Shape), h.Datatype)
	case end > have:
		list.Errorf(src.name, "", fix, "the file has %d bytes; the header promises %d (%s, %s, from byte %d)",
			src.size, end, shapeText(h.Shape), h.Datatype, h.VoxOffset)
	case end < have && !src.gz:
		list.Warnf(src.name, "dim", "check that the header gives the right shape", "%d bytes follow the last voxel", have-end)
	}
}

// Close closes the file.
func (r *Reader) Close() error {
	r.left = 0
	if r.err == nil {
		r.err = errors.New("nifti: reader is closed")
	}
	return r.src.Close()
}

// Next reads the next volume into dst, which must have Grid().Len() elements;
// it panics otherwise. With dst nil the volume is skipped. After the last
// volume it returns io.EOF. If the file is damaged the error is a [diag.List]
// and what dst holds is of no use; a gzip checksum is checked with the last
// volume, so none is good until all have been read.
func (r *Reader) Next(dst []float32) error {
	if dst != nil && len(dst) != r.voxels {
		panic("nifti: Next: dst has the wrong length")
	}
	return r.next(func() error {
		if dst == nil {
			return r.src.skip(int64(r.voxels) * int64(r.conv.datatype.Bytes()))
		}
		return r.fill(dst)
	})
}

// next has read do the work of one volume and sees to the end of the file.
func (r *Reader) next(read func() error) error {
	if r.err != nil {
		return r.err
	}
	if r.left == 0 {
		return io.EOF
	}
	if err := read(); err != nil {
		r.err = diag.List{r.src.readProblem(err)}
		return r.err
	}
	if r.left--; r.left == 0 {
		r.err = r.finish()
	}
	return r.err
}

// volume reads the next volume into new memory. From a compressed file, whose
// claim about its size cannot be checked, memory is taken as the data arrive.
func (r *Reader) volume() ([]float32, error) {
	var data []float32
	err := r.next(func() error {
		n := r.voxels
		if r.src.gz || r.src.size < 0 {
			n = int(min(int64(n), max(firstAsk, 4*r.src.size)))
		}
		data = make([]float32, n)
		if err := r.fill(data); err != nil {
			return err
		}
		for n < r.voxels {
			more := make([]float32, min(r.voxels, 2*n))
			copy(more, data)
			if err := r.fill(more[n:]); err != nil {
				return err
			}
			data, n = more, len(more)
		}
		return nil
	})
	return data, err
}

// fill reads len(dst) voxels. One goroutine reads (and decompresses) a few
// blocks ahead while this one converts.
func (r *Reader) fill(dst []float32) error {
	size := r.conv.datatype.Bytes()
	per := block / size
	blocks := (len(dst) + per - 1) / per
	full := make(chan []byte, readAhead) // blocks to be converted; closed at the end
	for r.made < min(readAhead, blocks) {
		r.free <- make([]byte, block)
		r.made++
	}
	var err error
	go func() {
		defer close(full)
		for left := len(dst) * size; left > 0; {
			buf := <-r.free
			buf = buf[:min(left, len(buf))]
			if _, err = io.ReadFull(r.src, buf); err != nil {
				return
			}
			left -= len(buf)
			full <- buf
		}
	}()
	for buf := range full {
		n := len(buf) / size
		r.conv.convert(dst[:n], buf)
		dst = dst[n:]
		r.free <- buf[:block]
	}
	return err
}

// finish verifies the checksum of a compressed file, which comes after the
// voxels, and reports what was found in the values.
func (r *Reader) finish() error {
	h := r.Header
	if r.conv.overflow > 0 {
		h.Warnings.Warnf(h.File, "", "rescale the values if they are meant to be used",
			"%d finite values are beyond the range of float32 (±3.4e38) and became ±Inf", r.conv.overflow)
	}
	if r.conv.rounded > 0 {
		h.Warnings.Warnf(h.File, "datatype", "", "%d %s values have more digits than float32 and were rounded to 24 bits", r.conv.rounded, h.Datatype)
	}
	if !r.src.gz {
		return nil
	}
	n, err := io.CopyN(io.Discard, r.src, maxTail)
	switch {
	case err == nil:
		h.Warnings.Warnf(h.File, "dim", "check that the header gives the right shape",
			"more than %d bytes follow the last voxel; the gzip checksum was not verified", int64(maxTail))
	case errors.Is(err, gzip.ErrHeader):
		h.Warnings.Warnf(h.File, "", "", "something that is not gzip follows the compressed data and was ignored")
	case !errors.Is(err, io.EOF):
		return diag.List{r.src.readProblem(err)}
	}
	if n > 0 && err != nil {
		h.Warnings.Warnf(h.File, "dim", "check that the header gives the right shape", "%d bytes follow the last voxel", n)
	}
	return nil
}

// ReadHeader reads and checks the header of the image at path; see [Open].
func ReadHeader(path string) (*Header, error) {
	r, err := Open(path)
	if err != nil {
		return nil, err
	}
	return r.Header, r.Close()
}

// ReadImage reads the image at path, which must have one volume: a third
// dimension at most, or further ones of length 1.
func ReadImage(path string) (*voxel.Image, *Header, error) {
	r, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	h := r.Header
	if n := h.Volumes(); n != 1 {
		var list diag.List
		list.Errorf(path, "dim", "use an image of one volume: take the mean, or the volume you mean",
			"%d volumes (%s) where one is expected", n, shapeText(h.Shape))
		return nil, nil, list
	}
	data, err := r.volume()
	if err != nil {
		return nil, nil, err
	}
	return &voxel.Image{Grid: h.Grid(), Data: data}, h, nil
}

// ReadSeries reads the image at path with all its volumes, in the order of
// the file; dimensions beyond the fourth only make more volumes.
func ReadSeries(path string) (*voxel.Series, *Header, error) {
	r, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	return r.series()
}

func (r *Reader) series() (*voxel.Series, *Header, error) {
	s := &voxel.Series{Grid: r.Header.Grid()}
	for r.left > 0 {
		data, err := r.volume()
		if err != nil {
			return nil, nil, err
		}
		s.Vols = append(s.Vols, data)
	}
	return s, r.Header, nil
}

// ReadMask reads the image at path, which must have one volume; a voxel
// belongs to the mask if its value is not 0 and not NaN.
func ReadMask(path string) (*voxel.Mask, *Header, error) {
	img, h, err := ReadImage(path)
	if err != nil {
		return nil, nil, err
	}
	m := voxel.NewMask(img.Grid)
	for i, v := range img.Data {
		m.In[i] = v != 0 && v == v
	}
	return m, h, nil
}

// Decode reads a single-file image, compressed or not, from a stream. Problems
// name the file "input".
func Decode(r io.Reader) (*voxel.Series, *Header, error) {
	var list diag.List
	src := newSource(r, "input", -1, &list)
	if src == nil {
		return nil, nil, list.Err()
	}
	raw := readRaw(src, false, &list)
	if raw == nil {
		return nil, nil, list.Err()
	}
	if !raw.single() {
		list.Errorf("input", "magic", "give the .hdr and .img files by name", "%q: the voxels are in a separate file", raw.magic)
		return nil, nil, list.Err()
	}
	rd := newReader(raw.header("input", &list), src, &list)
	if rd == nil {
		return nil, nil, list.Err()
	}
	rd.Header.Warnings = list
	return rd.series()
}
