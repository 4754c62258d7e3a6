module github.com/wirespan/wirespan

go 1.26.0
