package release

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"os"
	"time"
)

// archive is a tar.gz in which nothing tells who made it and when. It keeps the first error for close.
type archive struct {
	file   *os.File
	zip    *gzip.Writer
	tar    *tar.Writer
	folder string // in which everything stands
	at     time.Time
	err    error
}

func createArchive(path, folder string, at time.Time) (*archive, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	zip, err := gzip.NewWriterLevel(file, gzip.BestCompression)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &archive{file: file, zip: zip, tar: tar.NewWriter(zip), folder: folder, at: at}, nil
}

func (a *archive) addFile(name, path string, mode int64) {
	if a.err != nil {
		return
	}
	content, err := os.ReadFile(path)
	if err != nil {
		a.err = err
		return
	}
	a.add(name, content, mode)
}

func (a *archive) add(name string, content []byte, mode int64) {
	if a.err != nil {
		return
	}
	header := &tar.Header{Name: a.folder + "/" + name, Mode: mode, Size: int64(len(content)), ModTime: a.at.UTC().Truncate(time.Second), Format: tar.FormatUSTAR}
	if a.err = a.tar.WriteHeader(header); a.err == nil {
		_, a.err = a.tar.Write(content)
	}
}

func (a *archive) close() error {
	return errors.Join(a.err, a.tar.Close(), a.zip.Close(), a.file.Close())
}
