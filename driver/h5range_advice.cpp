#include "h5range_advice.h"

#include <cstring>
#include <new>

namespace h5range
{

namespace
{

void CopyDim(const h5r_selection &sSel, const std::vector<uint64_t> &anCount, size_t nElemSize, size_t iDim, const unsigned char *pabySrc,
             const int64_t *panSrcStride, unsigned char *pabyDst)
{
    if (iDim == anCount.size())
    {
        memcpy(pabyDst, pabySrc, nElemSize);
        return;
    }
    const auto nSize = static_cast<int64_t>(nElemSize);
    if (iDim + 1 == anCount.size() && panSrcStride[iDim] == nSize && sSel.dst_stride[iDim] == nSize)
    {
        memcpy(pabyDst, pabySrc, static_cast<size_t>(sSel.count[iDim]) * nElemSize);
        return;
    }
    for (uint64_t i = 0; i < sSel.count[iDim]; i++, pabySrc += panSrcStride[iDim], pabyDst += sSel.dst_stride[iDim])
        CopyDim(sSel, anCount, nElemSize, iDim + 1, pabySrc, panSrcStride, pabyDst);
}

} // namespace

bool Advice::Window::Holds(const h5r_object *psOther, const h5r_selection &sSel) const
{
    if (psOther != psObject)
        return false;
    for (size_t i = 0; i < anStart.size(); i++)
    {
        if (sSel.count[i] == 0)
            return false;
        const uint64_t nFirst = sSel.start[i], nLast = nFirst + (sSel.count[i] - 1) * static_cast<uint64_t>(sSel.step[i]); // wraps for negative steps
        for (const uint64_t n : {nFirst, nLast})
            if (n < anStart[i] || n - anStart[i] >= anCount[i])
                return false;
    }
    return true;
}

bool Advice::Window::IsAllOf(const h5r_selection &sSel) const
{
    for (size_t i = 0; i < anStart.size(); i++)
        if (sSel.count[i] != anCount[i])
            return false;
    return true;
}

void Advice::Window::Copy(const h5r_selection &sSel) const
{
    std::vector<int64_t> anStride(anStart.size() + 1, static_cast<int64_t>(nElemSize));
    const unsigned char *pabySrc = pabyData.get();

    int64_t nStride = static_cast<int64_t>(nElemSize);
    for (size_t i = anStart.size(); i-- > 0;)
    {
        pabySrc += static_cast<int64_t>(sSel.start[i] - anStart[i]) * nStride;
        anStride[i] = nStride * sSel.step[i];
        nStride *= static_cast<int64_t>(anCount[i]);
    }
    CopyDim(sSel, anCount, nElemSize, 0, pabySrc, anStride.data(), static_cast<unsigned char *>(sSel.dst));
}

void Advice::Add(const h5r_object *psObject, const h5r_dataset *psDataset, const std::vector<uint64_t> &anStart, const std::vector<uint64_t> &anCount,
                 uint64_t nMaxBytes)
{
    auto poWindow = std::make_shared<Window>();
    poWindow->psObject = psObject;
    poWindow->nElemSize = psDataset->type->size;
    poWindow->anStart = anStart;
    poWindow->anCount = anCount;
    poWindow->nElems = 1;
    for (const uint64_t n : anCount)
    {
        if (n == 0 || n > nMaxBytes / poWindow->nElemSize / poWindow->nElems)
            return;
        poWindow->nElems *= n;
    }

    std::lock_guard<std::mutex> oLock(m_oMutex);
    for (auto it = m_aoWindows.begin(); it != m_aoWindows.end() && m_nBytes > nMaxBytes - poWindow->Bytes();)
    {
        const auto itNext = std::next(it);
        if ((*it)->eState != State::LOADING)
        {
            m_nBytes -= (*it)->Bytes();
            m_aoWindows.erase(it);
        }
        it = itNext;
    }
    if (m_nBytes > nMaxBytes - poWindow->Bytes())
        return;
    m_nBytes += poWindow->Bytes();
    m_aoWindows.push_back(poWindow);
}

std::shared_ptr<Advice::Window> Advice::Find(const h5r_object *psObject, const h5r_selection &sSel) const
{
    for (const auto &poWindow : m_aoWindows)
        if (poWindow->Holds(psObject, sSel))
            return poWindow;
    return nullptr;
}

// Reads all windows that nobody has read yet. The one that is wanted now goes where it is wanted when that is all of it: then it is done.
bool Advice::Load(std::unique_lock<std::mutex> &oLock, const std::shared_ptr<Window> &poFirst, const h5r_selection &sSel)
{
    Windows aoPending;
    for (const auto &poWindow : m_aoWindows)
        if (poWindow->eState == State::PENDING)
            aoPending.push_back(poWindow);
    for (const auto &poWindow : aoPending)
        poWindow->eState = State::LOADING;
    oLock.unlock();

    const bool bStraight = poFirst->IsAllOf(sSel);
    bool bOK = true;
    try
    {
        std::vector<const h5r_object *> apsObjects;
        std::vector<h5r_selection> asSelections;
        for (const auto &poWindow : aoPending)
        {
            h5r_selection s{};
            if (bStraight && poWindow == poFirst)
            {
                s = sSel;
            }
            else
            {
                poWindow->pabyData.reset(new unsigned char[poWindow->Bytes()]);
                s.start = poWindow->anStart.data();
                s.count = poWindow->anCount.data();
                s.dst = poWindow->pabyData.get();
                s.fill_never = true;
            }
            apsObjects.push_back(poWindow->psObject);
            asSelections.push_back(s);
        }
        bOK = h5r_read_many(poFirst->psObject->file, apsObjects.data(), asSelections.data(), apsObjects.size(), nullptr) == H5R_OK;
    }
    catch (const std::bad_alloc &)
    {
        bOK = false;
    }

    oLock.lock();
    for (const auto &poWindow : aoPending)
    {
        poWindow->eState = bOK ? State::LOADED : State::FAILED;
        if (!bOK || (bStraight && poWindow == poFirst))
        {
            poWindow->eState = State::FAILED; // for those who wait for it: it holds nothing
            m_nBytes -= poWindow->Bytes();
            m_aoWindows.remove(poWindow);
        }
    }
    m_oLoaded.notify_all();
    return bOK && bStraight;
}

bool Advice::Read(const h5r_object *psObject, const h5r_selection &sSel)
{
    std::unique_lock<std::mutex> oLock(m_oMutex);
    auto poWindow = Find(psObject, sSel);
    if (!poWindow)
        return false;
    if (poWindow->eState == State::PENDING)
    {
        // What was announced alone and is read at once needs no memory of its own.
        if (m_aoWindows.size() == 1 && poWindow->IsAllOf(sSel))
        {
            m_nBytes = 0;
            m_aoWindows.clear();
            return false;
        }
        if (Load(oLock, poWindow, sSel))
            return true;
    }
    m_oLoaded.wait(oLock, [&]() { return poWindow->eState != State::LOADING; });
    if (poWindow->eState != State::LOADED)
        return false;
    uint64_t nElems = 1;
    for (size_t i = 0; i < poWindow->anStart.size(); i++)
        nElems *= sSel.count[i];
    poWindow->nRead += nElems;
    if (poWindow->nRead >= poWindow->nElems) // everything once, as far as that can be told
    {
        const auto nBefore = m_aoWindows.size();
        m_aoWindows.remove(poWindow);
        if (m_aoWindows.size() < nBefore)
            m_nBytes -= poWindow->Bytes();
    }
    oLock.unlock();
    poWindow->Copy(sSel);
    return true;
}

} // namespace h5range
